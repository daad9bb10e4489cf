-- Rows as callers read them, people and places still as ids. Index: uq_{table}_organization_id_ordinal or the primary
-- key.
(SELECT t.ordinal, t.id, '{kind}' AS kind, t.content, {memory_type} AS memory_type, {role} AS role,
   {sender} AS sender, {speaker_agent} AS speaker_agent, t.user_id, t.agent_id, {conversation_id} AS conversation_id,
   t.occurred_at, t.created_at, {valid_until} AS valid_until, t.tags,
   t.metadata::text AS metadata, t.source, t.source_id, {importance} AS importance, {confidence} AS confidence,
   {is_pinned} AS is_pinned, {tier} AS tier, {status} AS status, {access_count} AS access_count,
   {superseded_by} AS superseded_by, {superseded_at} AS superseded_at, t.deleted_at, {version} AS version
 FROM {table} t
 WHERE t.organization_id = $1 AND {which})
