-- Rows as callers read them. Index: uq_{table}_organization_id_ordinal or the primary key.
(SELECT t.ordinal, t.id, '{kind}' AS kind, t.content, {memory_type} AS memory_type, {role} AS role,
   coalesce(speaker.display_name, voice.name) AS speaker, owner.external_id AS owner, agent.external_id AS agent,
   c.external_id AS conversation, t.occurred_at, t.created_at, {valid_until} AS valid_until, t.tags,
   t.metadata::text AS metadata, t.source, t.source_id, {importance} AS importance, {confidence} AS confidence,
   {is_pinned} AS is_pinned, {tier} AS tier, {status} AS status, {access_count} AS access_count,
   {superseded_by} AS superseded_by, {superseded_at} AS superseded_at, t.deleted_at, {version} AS version
 FROM {table} t
 LEFT JOIN users speaker ON speaker.organization_id = $1 AND speaker.id = {sender}
 LEFT JOIN agents voice ON voice.organization_id = $1 AND voice.id = {speaker_agent}
 LEFT JOIN users owner ON owner.organization_id = $1 AND owner.id = t.user_id
 LEFT JOIN agents agent ON agent.organization_id = $1 AND agent.id = t.agent_id
 LEFT JOIN conversations c ON c.organization_id = $1 AND c.id = {conversation_id}
 WHERE t.organization_id = $1 AND {which})
