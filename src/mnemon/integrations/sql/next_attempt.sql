-- When the next delivery is due, or the claim of one that is being sent ends; to addresses that are switched on.
-- Index: ix_webhook_deliveries_due.
SELECT d.next_attempt_at FROM webhook_deliveries d
JOIN webhook_endpoints e ON e.organization_id = $1 AND e.id = d.endpoint_id AND e.active AND e.deleted_at IS NULL
WHERE d.organization_id = $1 AND d.status IN ('pending', 'sending')
ORDER BY d.next_attempt_at
LIMIT 1
