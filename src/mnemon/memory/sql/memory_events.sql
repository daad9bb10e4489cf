-- What happened to memories, oldest first. Index: ix_memory_log_memory.
SELECT created_at AS at, memory_id, action, changed_by, reason, old_content, new_content
FROM memory_log WHERE organization_id = $1 AND memory_id = ANY($2::uuid[])
ORDER BY created_at, id
