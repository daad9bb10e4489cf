-- Adds to an organisation's sizes. Index: pk_recall_statistics, uq_conversation_sessions_organization_id_number.
INSERT INTO recall_statistics (organization_id, indexed, sessions, session_terms)
SELECT $1, $2, count(*), coalesce(avg(term_count), 0)
FROM (SELECT term_count FROM conversation_sessions WHERE organization_id = $1 ORDER BY number DESC LIMIT 1000) s
ON CONFLICT (organization_id) DO UPDATE
SET indexed = recall_statistics.indexed + excluded.indexed, sessions = excluded.sessions,
    session_terms = excluded.session_terms, updated_at = now()
