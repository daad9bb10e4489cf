-- Writes how far an import has come. Index: uq_import_checkpoints_organization_id_source.
INSERT INTO import_checkpoints (organization_id, source, position, imported, skipped, broken, finished_at)
VALUES ($1, $2, $3::text::jsonb, $4, $5, $6, $7)
ON CONFLICT (organization_id, source) DO UPDATE
SET position = excluded.position, imported = excluded.imported, skipped = excluded.skipped,
    broken = excluded.broken, finished_at = excluded.finished_at, updated_at = now()
