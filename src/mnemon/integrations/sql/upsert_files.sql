-- Brings files: new ones are added, others changed only where something differs; returns (added) of what was touched.
-- Index: uq_drive_files_provider_file_id.
INSERT INTO drive_files AS t (
  organization_id, user_id, integration_id, provider, provider_file_id, name, mime_type, size_bytes, web_url,
  parent_path, modified_at
)
SELECT $1, $2, $3, $5, n.provider_file_id, n.name, n.mime_type, n.size_bytes, n.web_url, n.parent_path, n.modified_at
FROM jsonb_to_recordset($4::text::jsonb) AS n(
  provider_file_id text, name text, mime_type text, size_bytes bigint, web_url text, parent_path text,
  modified_at timestamptz
)
ON CONFLICT (organization_id, user_id, provider, provider_file_id) DO UPDATE SET
  integration_id = excluded.integration_id, name = excluded.name, mime_type = excluded.mime_type,
  size_bytes = excluded.size_bytes, web_url = excluded.web_url, parent_path = excluded.parent_path,
  modified_at = excluded.modified_at, synced_at = now(), deleted_at = NULL
WHERE t.deleted_at IS NOT NULL
  OR (t.integration_id, t.name, t.mime_type, t.size_bytes, t.web_url, t.parent_path, t.modified_at)
     IS DISTINCT FROM
     (excluded.integration_id, excluded.name, excluded.mime_type, excluded.size_bytes, excluded.web_url,
      excluded.parent_path, excluded.modified_at)
RETURNING t.version = 1 AS added
