"""Erasure goes by ids and needs a right of its own, which owners have; no statistics keep what people wrote.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

#: Columns of text whose statistics stay: words of the product and names of kinds.
PLANNED = (
    "agent_capabilities.capability agent_metrics.metric_type agents.type agents.cognitive_pattern api_requests.method "
    "api_requests.route api_requests.error_code audit_logs.action audit_logs.resource_type background_jobs.kind "
    "background_jobs.queue background_jobs.error_code background_jobs.schedule background_jobs.permissions "
    "calendar_events.provider conversation_participants.role conversations.type document_templates.document_type "
    "documents.document_type documents.status drive_files.provider drive_files.mime_type entities.entity_type "
    "entity_mentions.source_type entity_relationships.relationship_type error_logs.kind error_logs.code "
    "error_logs.component integrations.provider integrations.status job_schedules.kind job_schedules.queue "
    "job_schedules.permissions knowledge_items.domain knowledge_metrics.metric_type "
    "knowledge_transfers.transfer_method learning_sessions.source_domain learning_sessions.target_domain "
    "learning_sessions.transfer_mode memories.category memories.extraction_model memories.source "
    "memories.embedding_status memories.embedding_model "
    "memory_log.action memory_log.old_tier memory_log.new_tier memory_log.old_status memory_log.new_status "
    "messages.content_type messages.model messages.feedback_rating messages.status messages.source "
    "messages.embedding_status messages.embedding_model metric_partials.source metric_partials.subject "
    "metric_partials.metric_type metric_rollups.source metric_rollups.subject metric_rollups.metric_type "
    "metric_rollups.bucket_size notifications.type notifications.resource_type oauth_tokens.provider "
    "oauth_tokens.token_type pattern_metrics.error_type patterns.type system_metrics.component "
    "system_metrics.metric_type tasks.status tasks.priority tasks.source tasks.source_type user_preferences.theme "
    "user_preferences.language users.status users.tier webhook_deliveries.event webhook_deliveries.status "
    "workflow_executions.status workflows.status"
).split()

#: Columns of text and expressions over them, of tables of organisations, their partitions and their summaries.
_SAMPLED = f"""
SELECT r.oid, r.relname, a.attnum, a.attname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class r ON r.oid = a.attrelid
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = r.oid
JOIN pg_catalog.pg_class t ON t.oid = coalesce(i.indrelid, r.oid)
WHERE r.relnamespace = 'public'::pg_catalog.regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND r.relkind IN ('r', 'p', 'm', 'i', 'I')
  AND pg_catalog.format_type(a.atttypid, NULL) IN
    ('text', 'character varying', 'text[]', 'character varying[]', 'jsonb', 'tsvector', 'inet')
  AND (t.relname = 'organizations' OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute o WHERE o.attrelid = t.oid AND o.attname = 'organization_id'))
  AND coalesce((SELECT p.relname FROM pg_catalog.pg_class p WHERE p.oid = pg_catalog.pg_partition_root(t.oid)),
    t.relname) || '.' || a.attname <> ALL (ARRAY[{", ".join(f"'{name}'" for name in PLANNED)}])
"""


def upgrade() -> None:
    op.execute(
        "INSERT INTO permissions (resource, action, description) VALUES ('users', 'erase', "
        "'Erase people and conversations for good') ON CONFLICT DO NOTHING"
    )
    _as_owner_of_all(
        "INSERT INTO role_permissions (organization_id, role_id, permission_id) "
        "SELECT r.organization_id, r.id, p.id FROM roles r, permissions p "
        "WHERE r.is_system AND r.name = 'owner' AND p.name = 'users:erase' ON CONFLICT DO NOTHING"
    )
    _forget_samples()


def downgrade() -> None:
    _as_owner_of_all(
        "DELETE FROM role_permissions rp USING permissions p WHERE p.id = rp.permission_id AND p.name = 'users:erase'"
    )
    op.execute("DELETE FROM permissions WHERE resource = 'users' AND action = 'erase'")
    # What came with it, and what gives back another kind of row than before: an earlier version makes its own anew.
    op.execute(
        "DROP FUNCTION IF EXISTS preview_erasure(text, uuid), erase_subject(text, uuid), "
        "erase_now(text, uuid, boolean), erase_part(text, uuid, uuid, uuid[]), erasure_refusal(text, uuid), "
        "erase_trail(text, uuid, uuid, text[], text[], uuid[], uuid[]), erase_rows(text, text, uuid[]), "
        "erase_references(text[], uuid[]), erase_entities(text[], uuid[]), erase_documents(text[], uuid[]), "
        "erasure_remains(uuid)"
    )
    op.execute("DELETE FROM schema_objects WHERE name LIKE 'operations/6%'")


def _as_owner_of_all(statement: str) -> None:
    """Run a statement over the rows of every organisation: policies are not forced on the owner meanwhile."""
    for table in ("roles", "role_permissions"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    for table in ("roles", "role_permissions"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _forget_samples() -> None:
    """Remove what statistics have of texts: from here on none are made, and old ones would stay for ever.

    As the owner where the server lets one (PostgreSQL 18), as the superuser where the migration has one behind it;
    where neither is so, docs/erasure.md says what a superuser does once.
    """
    op.execute(
        f"""
        DO $do$
        DECLARE acting name := current_user;
        BEGIN
          IF current_setting('server_version_num')::integer >= 180000 THEN
            EXECUTE $sql$
              SELECT pg_catalog.pg_clear_attribute_stats('public', s.relname, s.attname, w.inherited)
              FROM ({_SAMPLED} AND r.relkind IN ('r', 'p', 'm')) s, (VALUES (true), (false)) w(inherited)
            $sql$;
          END IF;
          IF (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) THEN
            SET ROLE NONE;
            DELETE FROM pg_catalog.pg_statistic g USING ({_SAMPLED}) s
            WHERE g.starelid = s.oid AND g.staattnum = s.attnum;
            EXECUTE format('SET ROLE %I', acting);
          END IF;
        END $do$
        """
    )
