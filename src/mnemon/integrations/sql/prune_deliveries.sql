-- Deletes deliveries that are older than they are kept. Index: ix_webhook_deliveries_created.
DELETE FROM webhook_deliveries WHERE organization_id = $1 AND created_at < $2
