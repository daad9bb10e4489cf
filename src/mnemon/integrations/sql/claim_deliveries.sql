-- Takes due deliveries, oldest first, for a while; what others are taking is skipped, and what nobody reported the last
-- attempt of has failed. Index: ix_webhook_deliveries_due.
WITH due AS (
  SELECT d.id FROM webhook_deliveries d
  JOIN webhook_endpoints e ON e.organization_id = $1 AND e.id = d.endpoint_id AND e.active AND e.deleted_at IS NULL
  WHERE d.organization_id = $1 AND d.status IN ('pending', 'sending') AND d.next_attempt_at <= $2
  ORDER BY d.next_attempt_at, d.id
  LIMIT $3
  FOR UPDATE OF d SKIP LOCKED
), taken AS (
  UPDATE webhook_deliveries d
  SET status = CASE WHEN d.attempt < d.max_attempts THEN 'sending' ELSE 'failed' END,
      last_error = CASE WHEN d.attempt < d.max_attempts THEN d.last_error ELSE 'the last attempt was not reported' END,
      attempt = least(d.attempt + 1, d.max_attempts),
      next_attempt_at = $2 + $4 * interval '1 second'
  FROM due
  WHERE d.organization_id = $1 AND d.id = due.id
  RETURNING d.*
)
SELECT t.id, t.endpoint_id, e.url, e.secret_encrypted, t.event, t.payload::text AS payload, t.attempt, t.created_at
FROM taken t JOIN webhook_endpoints e ON e.organization_id = $1 AND e.id = t.endpoint_id
WHERE t.status = 'sending'
ORDER BY t.created_at, t.id
