-- A person's notifications, newest first, before a moment. Index: ix_notifications_user, a partition at a time.
SELECT id, user_id, type, title, body, data::text AS data, is_read, read_at, resource_type, resource_id, created_at
FROM notifications
WHERE organization_id = $1 AND user_id = $2 AND created_at < coalesce($3::timestamptz, 'infinity')
ORDER BY created_at DESC, id DESC
LIMIT $4
