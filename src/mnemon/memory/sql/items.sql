-- Rows as callers read them, people and places still as ids; fields of an item are listed in memory/columns.py. Index:
-- uq_{table}_organization_id_ordinal or the primary key.
(SELECT t.ordinal, t.id, '{kind}' AS kind, {sender} AS sender, {speaker_agent} AS speaker_agent,
  t.user_id, t.agent_id, t.conversation_id, t.occurred_at, t.created_at,
  {columns}
 FROM {table} t
 WHERE t.organization_id = $1 AND {which})
