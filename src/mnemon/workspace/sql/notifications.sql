-- A person's notifications, newest first, before a moment, after the place ($4, $5). Index: ix_notifications_user, a partition at a time.
SELECT id, user_id, type, title, body, data::text AS data, is_read, read_at, resource_type, resource_id, created_at
FROM notifications
WHERE organization_id = $1 AND user_id = $2 AND created_at < coalesce($3::timestamptz, 'infinity')
  AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $6
