-- How many notifications a person has not read. Index: ix_notifications_unread.
SELECT count(*) FROM notifications WHERE organization_id = $1 AND user_id = $2 AND NOT is_read
