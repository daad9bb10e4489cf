-- Registers a device, or makes it active again. Index: uq_devices_organization_id_user_id_device_token.
INSERT INTO devices AS d (organization_id, user_id, device_token, platform, device_name, last_used_at)
VALUES ($1, $2, $3, $4::text::device_platform, $5, $6)
ON CONFLICT (organization_id, user_id, device_token) DO UPDATE SET
  platform = excluded.platform, device_name = coalesce(excluded.device_name, d.device_name), is_active = true,
  last_used_at = excluded.last_used_at, deleted_at = NULL
RETURNING id
