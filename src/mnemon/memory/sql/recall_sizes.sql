-- What recall plans with: rows in the indexes, mean words of a session, and whether there is anything at all.
-- Indexes: pk_recall_statistics, uq_messages_organization_id_ordinal, uq_memories_organization_id_ordinal.
SELECT coalesce(s.indexed, 0) AS indexed, coalesce(s.session_terms, 0) AS session_terms,
  EXISTS (SELECT FROM messages t WHERE t.organization_id = $1) AS message,
  EXISTS (SELECT FROM memories t WHERE t.organization_id = $1) AS memory
FROM (SELECT $1::uuid AS organization_id) o
LEFT JOIN recall_statistics s ON s.organization_id = o.organization_id AND s.organization_id = $1
