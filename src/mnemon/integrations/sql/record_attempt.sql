-- Writes what became of an attempt, if it is still the current one. Index: pk_webhook_deliveries.
UPDATE webhook_deliveries
SET status = $4, next_attempt_at = $5, last_status_code = $6, last_error = $7,
    delivered_at = CASE WHEN $4 = 'delivered' THEN $8::timestamptz END
WHERE organization_id = $1 AND id = $2 AND status = 'sending' AND attempt = $3
RETURNING id
