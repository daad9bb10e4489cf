-- Counts how often memories were said again; all else stays as it is. Index: pk_memories.
UPDATE memories m
SET confirmed = m.confirmed + n.times, confirmed_at = now()
FROM unnest($2::uuid[], $3::int[]) AS n(id, times)
WHERE m.organization_id = $1 AND m.id = n.id
