-- One delivery for each active address that wants the event; an idempotency key is enqueued once for an address.
-- Indexes: ix_webhook_endpoints_active, uq_webhook_deliveries_idempotency_key.
INSERT INTO webhook_deliveries (
  organization_id, endpoint_id, event, payload, idempotency_key, max_attempts, next_attempt_at, created_at
)
SELECT $1, e.id, $2::text, $3::text::jsonb, $4, $5, $6, $6
FROM webhook_endpoints e
WHERE e.organization_id = $1 AND e.active AND e.deleted_at IS NULL AND (e.events = '{}' OR $2::text = ANY(e.events))
ORDER BY e.id
ON CONFLICT (organization_id, endpoint_id, idempotency_key) DO NOTHING
RETURNING id
