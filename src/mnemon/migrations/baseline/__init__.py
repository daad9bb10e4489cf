"""The schema as it was first published: the tables of each domain, and the order in which they are made."""

from __future__ import annotations

from mnemon.migrations.baseline import (
    access,
    agents,
    conversations,
    graph,
    identity,
    integrations,
    jobs,
    knowledge,
    memory,
    operations,
    workflow,
    workspace,
)
from mnemon.migrations.tables import Table

# The order of the first installations, so that it is everybody's: where a deletion goes along several references, it
# goes along them in the order in which they were made.
ORDER = """
schema_objects organizations import_checkpoints memory_log recall_statistics recall_terms users participant_names teams
agents team_memberships conversations conversation_participants conversation_sessions memories messages

permissions roles devices mfa_devices oauth_tokens role_permissions sessions user_credentials user_preferences
user_roles agent_capabilities agent_states api_keys api_key_uses

patterns workflows knowledge_items learning_sessions pattern_metrics pattern_usage workflow_executions
knowledge_metrics knowledge_transfers

audit_blocks audit_logs partition_policies metric_partials metric_rollups system_metrics agent_metrics api_requests
error_logs

document_templates documents entities integrations notifications tasks webhook_endpoints calendar_events drive_files
entity_mentions entity_names entity_relationships gmail_messages webhook_deliveries memory_facts message_memory_usage

background_jobs job_schedules
"""

_DOMAINS = (
    identity,
    access,
    agents,
    conversations,
    memory,
    graph,
    knowledge,
    workflow,
    workspace,
    integrations,
    operations,
    jobs,
)


def tables() -> list[Table]:
    """Return every table of the baseline, in the order in which they are made."""
    known = {table.name: table for domain in _DOMAINS for table in domain.TABLES}
    return [known.pop(name) for name in ORDER.split()]
