-- Ids of a memory and of all that it superseded or was superseded by, oldest first; of texts in parts the first ones.
-- Indexes: pk_memories, ix_memories_superseded.
WITH RECURSIVE named AS (
  SELECT coalesce(whole_id, id) AS id FROM memories WHERE organization_id = $1 AND id = $2
), later AS (
  SELECT m.id, m.superseded_by, 0 AS step FROM memories m
  WHERE m.organization_id = $1 AND m.id = (SELECT id FROM named)
  UNION ALL
  SELECT m.id, m.superseded_by, l.step + 1 FROM later l
  JOIN memories m ON m.organization_id = $1 AND m.id = l.superseded_by
  WHERE l.step < 10000
), earlier AS (
  SELECT id, 0 AS step FROM named
  UNION ALL
  SELECT m.id, e.step - 1 FROM earlier e
  JOIN memories m ON m.organization_id = $1 AND m.superseded_by = e.id AND coalesce(m.part, 1) = 1
  WHERE e.step > -10000
)
SELECT id FROM (SELECT id, step FROM earlier UNION SELECT id, step FROM later) c ORDER BY step, id
