"""What an export has of an organisation, what it leaves out, and why; tests hold this against the catalogue."""

from __future__ import annotations

from mnemon.db.recallable import SESSION_BITS

#: Every table whose rows leave with the organisation. The order of an import comes from the foreign keys.
INCLUDED = frozenset(
    {
        "agent_capabilities",
        "agent_metrics",
        "agent_states",
        "agents",
        "api_requests",
        "audit_blocks",
        "audit_logs",
        "calendar_events",
        "conversation_participants",
        "conversation_sessions",
        "conversations",
        "document_templates",
        "documents",
        "drive_files",
        "entities",
        "entity_mentions",
        "entity_relationships",
        "error_logs",
        "gmail_messages",
        "import_checkpoints",
        "integrations",
        "job_schedules",
        "knowledge_items",
        "knowledge_metrics",
        "knowledge_transfers",
        "learning_sessions",
        "memories",
        "memory_facts",
        "memory_log",
        "message_memory_usage",
        "messages",
        "metric_partials",
        "metric_rollups",
        "notifications",
        "organizations",
        "participant_names",
        "pattern_metrics",
        "pattern_usage",
        "patterns",
        "role_permissions",
        "roles",
        "system_metrics",
        "tasks",
        "team_memberships",
        "teams",
        "user_preferences",
        "user_roles",
        "users",
        "webhook_deliveries",
        "webhook_endpoints",
        "workflow_executions",
        "workflows",
    }
)

#: Tables that stay, each with its reason.
EXCLUDED = {
    "alembic_version": "the installation's own",
    "schema_objects": "the installation's own",
    "embedding_space": "the installation's own: vectors of another model are made anew where an organisation arrives",
    "partition_policies": "the installation's own",
    "upkeep_locks": "the installation's own",
    "installation_keys": "the installation's own, by which its processes prove themselves",
    "search_salts": "the installation's own: an organisation gets another salt where it arrives",
    "directory": "the installation's own: whose an address or a slug is, made from users and organizations by triggers",
    "permissions": "the catalogue of every installation; role_permissions name them",
    "sessions": "hashes of tokens: who is signed in here is not signed in there",
    "user_credentials": "hashes of passwords: people set one in the other installation",
    "mfa_devices": "secrets encrypted with this installation's key",
    "recovery_codes": "hashes with this installation's key: people make others in the other installation",
    "idempotency_keys": "answers of this installation, for a day: a call is repeated where it was made",
    "oauth_tokens": "secrets encrypted with this installation's key",
    "sign_in_attempts": "the installation's own: guesses at its passwords, for a day",
    "api_keys": "hashes of keys: a key that is valid in two installations could be revoked in one alone",
    "api_key_uses": "goes with api_keys",
    "devices": "push tokens: an app registers anew where it signs in",
    "assets": "files: their bytes are in the object store, sealed with this installation's key",
    "background_jobs": "work of this installation: what is pending is done here, not in two places",
    "entity_names": "made from entities by their trigger",
    "recall_terms": "counted anew by maintenance as it indexes the rows",
    "recall_statistics": "counted anew by maintenance as it indexes the rows",
}

#: Columns that stay, each with its reason. The organisation's id is in the manifest alone, never in a row: so no row
#: can name another one.
OMITTED = {
    ("integrations", "access_token_encrypted"): "encrypted with this installation's key",
    ("integrations", "refresh_token_encrypted"): "encrypted with this installation's key",
    ("teams", "webhook_secret"): "encrypted with this installation's key",
    ("webhook_endpoints", "secret_encrypted"): "encrypted with this installation's key",
    ("messages", "is_indexed"): "whether a row is in the vector index of this installation",
    ("memories", "is_indexed"): "whether a row is in the vector index of this installation",
    ("messages", "changed"): "a transaction of this installation",
    ("memories", "changed"): "a transaction of this installation",
    ("conversations", "changed"): "a transaction of this installation",
    ("audit_blocks", "mac"): "signed with this installation's key: the other one signs what arrives",
    ("audit_blocks", "mac_key"): "signed with this installation's key: the other one signs what arrives",
    ("metric_partials", "number"): "tells two rows apart, and is counted in this installation",
}

#: Columns that an import sets itself, as SQL: what acts on the world outside arrives switched off, and what has lost
#: its secret says so.
ARRIVES = {
    ("webhook_endpoints", "secret_encrypted"): "''",
    ("webhook_endpoints", "active"): "false",
    ("integrations", "status"): "'disconnected'",
    ("job_schedules", "enabled"): "false",
}

#: Not the same id in every installation: the column is exported as the name, under another key.
NAMED = {
    ("role_permissions", "permission_id"): (
        "permission",
        "(SELECT p.name FROM permissions p WHERE p.id = t.permission_id)",
        "(SELECT p.id FROM permissions p WHERE p.name = i.line ->> 'permission')",
    )
}

#: Entries carry hashes over the organisation's id: under a new id they would all be broken, so the trail begins anew.
SEALED = frozenset({"audit_logs", "audit_blocks"})

#: What a table comes after, where no foreign key says so.
AFTER = {
    "agent_metrics": frozenset({"agents"}),
    "messages": frozenset({"conversation_sessions"}),
    "memories": frozenset({"conversation_sessions"}),
    "metric_partials": frozenset(
        {"agent_metrics", "system_metrics", "knowledge_metrics", "pattern_metrics", "pattern_usage"}
    ),
}

#: Cleared before its rows come: the measurements' trigger has begun to add up what these have added up already.
CLEARED = frozenset({"metric_partials"})

#: Read in this order, where there is an index for it and it is the order of writing.
ORDERED = {"messages": "ordinal", "memories": "ordinal"}

#: Columns with the number of a session, and how it is read off a staged line. A number is its installation's own, so an
#: import is given others: what an export says of them reaches nobody else's.
SESSIONS = {
    "conversation_sessions": ("number", "(i.line ->> 'number')::bigint"),
    "messages": ("ordinal", f"(i.line ->> 'ordinal')::bigint >> {SESSION_BITS}"),
    "memories": ("ordinal", f"(i.line ->> 'ordinal')::bigint >> {SESSION_BITS}"),
}

#: Columns that go together when vectors are left out.
VECTOR = "embedding"
