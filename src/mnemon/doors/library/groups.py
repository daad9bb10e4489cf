"""Which verbs a memory has beside its own, by namespace: ``memory.tasks.create`` is the verb ``workspace.create_task``.

This is all that is written of them by hand. Their arguments, answers and descriptions are those of the verbs
(:mod:`mnemon.verbs`); namespaces.pyi, which type checkers read, is generated of both by `make docs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """A namespace.

    Attributes:
        about: what it is for, in a sentence.
        verbs: ``domain.verb`` by the name of the method.
    """

    about: str
    verbs: Mapping[str, str]


def _of(domain: str, **verbs: str) -> dict[str, str]:
    """Return the verbs of a domain by method; a method that ends with an underscore is there to avoid a keyword."""
    return {method: f"{domain}.{verb}" for method, verb in verbs.items()}


_MEMORY = {
    "facts": Group(
        "What is true of whom, and from when until when.",
        _of("memory", record="assert_fact", at="facts_at", history="history_of", retract="retract_fact"),
    ),
    "conversations": Group(
        "Conversations: their titles, whose they are, what was said in them.",
        _of(
            "conversations",
            create="create_conversation",
            get="get_conversation",
            list="list_conversations",
            update="update_conversation",
            archive="archive_conversation",
            delete="delete_conversation",
            statistics="conversation_statistics",
            search="search_messages",
            checkpoints="checkpoints",
        ),
    ),
    "graph": Group(
        "Entities, where they are mentioned, and how they relate.",
        _of(
            "graph",
            ensure="ensure_entity",
            find="find_entity",
            get="get_entity",
            update="update_entity",
            delete="delete_entity",
            merge="merge_entities",
            mention="mention",
            mentions="list_mentions",
            relate="relate",
            unrelate="unrelate",
            neighbours="neighbours",
        ),
    ),
}

_KNOWLEDGE = {
    "knowledge": Group(
        "What agents know, pass on and use.",
        _of(
            "knowledge",
            add="add_knowledge",
            get="get_knowledge",
            search="search_knowledge",
            update="update_knowledge",
            delete="delete_knowledge",
            transfer="transfer_knowledge",
            finish_transfer="finish_transfer",
            transfers="transfers_of",
            record_use="record_knowledge_use",
            usage="knowledge_usage",
            summaries="knowledge_summaries",
        ),
    ),
    "patterns": Group(
        "Patterns that agents learnt, and how well they do.",
        _of(
            "knowledge",
            add="add_pattern",
            get="get_pattern",
            find="find_patterns",
            update="update_pattern",
            delete="delete_pattern",
            record_use="record_pattern_use",
            record_uses="record_pattern_uses",
            count_uses="count_pattern_uses",
            record_runs="record_pattern_metrics",
            effectiveness="pattern_effectiveness",
            recompute_accuracy="recompute_pattern_accuracy",
            summaries="pattern_summaries",
        ),
    ),
    "learning": Group(
        "Stretches of learning: what an agent set out to learn and what came of it.",
        _of(
            "knowledge",
            start="start_learning",
            finish="finish_learning",
            get="get_learning_session",
            list="learning_sessions",
        ),
    ),
}

_WORK = {
    "workflows": Group(
        "Workflows and their runs.",
        _of(
            "workflow",
            define="define_workflow",
            get="get_workflow",
            list="list_workflows",
            update="update_workflow",
            activate="activate_workflow",
            archive="archive_workflow",
            delete="delete_workflow",
            start="start_execution",
            advance="advance_execution",
            finish="finish_execution",
            run="get_execution",
            runs="executions_of",
        ),
    ),
    "tasks": Group(
        "Tasks with due dates, reminders and recurrence.",
        _of(
            "workspace",
            create="create_task",
            get="get_task",
            list="list_tasks",
            update="update_task",
            complete="complete_task",
            delete="delete_task",
            reminders="due_reminders",
        ),
    ),
    "documents": Group(
        "Documents, and which memories they were written from.",
        _of(
            "workspace",
            create="create_document",
            get="get_document",
            list="list_documents",
            update="update_document",
            delete="delete_document",
        ),
    ),
    "assets": Group(
        "Files, whose bytes are sealed in an object store.",
        _of(
            "workspace",
            put="put_asset",
            get="get_asset",
            read="read_asset",
            list="list_assets",
            delete="delete_asset",
            sweep="sweep_assets",
        ),
    ),
    "templates": Group(
        "Templates of documents.",
        _of(
            "workspace",
            create="create_template",
            get="get_template",
            list="list_templates",
            update="update_template",
            delete="delete_template",
        ),
    ),
    "notifications": Group(
        "What people are told, and whether they have read it.",
        _of("workspace", send="notify", list="list_notifications", mark_read="mark_read"),
    ),
    "agents": Group(
        "Agents: who they are, what they can do, and snapshots of their state.",
        _of(
            "agents",
            create="create_agent",
            get="get_agent",
            list="list_agents",
            update="update_agent",
            set_status="set_status",
            delete="delete_agent",
            find_by_capability="find_agents_by_capability",
            add_capability="add_capability",
            capabilities="list_capabilities",
            remove_capability="remove_capability",
            checkpoint="checkpoint_state",
            state="latest_state",
            states="list_states",
        ),
    ),
}

_ACCESS = {
    "people": Group(
        "People, what they prefer and what they may do.",
        _of(
            "identity",
            create="create_user",
            invite="invite_user",
            ask_reset="ask_reset",
            reset_password="reset_password",  # noqa: S106 - the verb's name
            send_account_mail="send_account_mail",
            get="get_user",
            list="list_users",
            update="update_user",
            delete="delete_user",
            set_password="set_password",  # noqa: S106 - the verb's name
            preferences="get_preferences",
            set_preferences="set_preferences",
            timezones="read_timezones",
            permissions="permissions_of",
            may="has_permission",
            roles="roles_of",
        ),
    ),
    "teams": Group(
        "Teams and their members.",
        _of(
            "identity",
            create="create_team",
            list="list_teams",
            update="update_team",
            delete="delete_team",
            add_member="add_team_member",
            remove_member="remove_team_member",
            members="list_team_members",
        ),
    ),
    "roles": Group(
        "Roles, the permissions they give, and who has them.",
        _of(
            "identity",
            create="create_role",
            list="list_roles",
            update="update_role",
            delete="delete_role",
            grant="grant",
            revoke="revoke",
            permissions="list_permissions",
            assign="assign_role",
            unassign="unassign_role",
        ),
    ),
    "keys": Group(
        "API keys.",
        _of(
            "identity",
            create="create_api_key",
            list="list_api_keys",
            revoke="revoke_api_key",
            authenticate="authenticate_api_key",
        ),
    ),
    "sessions": Group(
        "Where people are signed in. A trusted process begins sessions, after it has checked who it is.",
        _of(
            "identity",
            verify_password="verify_password",  # noqa: S106 - the verb's name
            start="start_session",
            sign_in="sign_in",
            sign_in_trusted="sign_in_trusted",
            finish="finish_sign_in",
            send_code="send_code",
            refresh="refresh_session",
            find="find_session",
            list="list_sessions",
            revoke="revoke_session",
            revoke_all="revoke_sessions",
        ),
    ),
    "factors": Group(
        "Second factors of people.",
        _of(
            "identity",
            enrol_totp="enrol_totp",
            enrol_sms="enrol_sms",
            make_recovery_codes="make_recovery_codes",
            verify_totp="verify_totp",
            list="list_mfa_devices",
            remove="remove_mfa_device",
        ),
    ),
    "devices": Group(
        "Devices that take push notifications.",
        _of("identity", register="register_device", list="list_devices", deactivate="deactivate_device"),
    ),
    "tokens": Group(
        "People's tokens of other services, kept encrypted.",
        _of("identity", store="store_oauth_token", read="read_oauth_token"),
    ),
}

_RUNNING = {
    "integrations": Group(
        "Connections to other services: mail, appointments and files that are brought from there.",
        _of(
            "integrations",
            connect="connect_integration",
            get="get_integration",
            list="list_integrations",
            disconnect="disconnect_integration",
            tokens="read_tokens",
            refresh_tokens="refresh_tokens",
            report_failure="report_failure",
            save_cursor="save_cursor",
            sync_mail="sync_mail",
            search_mail="search_mail",
            sync_events="sync_events",
            events="list_events",
            sync_files="sync_files",
            files="list_files",
        ),
    ),
    "webhooks": Group(
        "Addresses that are told of events, and what was delivered to them.",
        _of(
            "integrations",
            register="register_webhook",
            list="list_webhooks",
            update="update_webhook",
            delete="delete_webhook",
            rotate_secret="rotate_webhook_secret",  # noqa: S106 - the verb's name
            deliveries="list_deliveries",
            delivery="get_delivery",
            replay="replay_delivery",
            send="send_deliveries",
            enqueue="enqueue_delivery",
            claim="claim_deliveries",
            record_attempt="record_attempt",
            prune="prune_deliveries",
        ),
    ),
    "jobs": Group(
        "Background work: what waits, runs and failed.",
        _of("jobs", enqueue="enqueue", get="get_job", list="list_jobs", cancel="cancel_job", retry="retry_job"),
    ),
    "schedules": Group(
        "Background work that comes again.",
        _of("jobs", set="set_schedule", list="list_schedules", remove="remove_schedule"),
    ),
    "audit": Group(
        "The audit trail: who did what, sealed against changes.",
        _of("operations", trail="audit_trail", record="record_event", seal="seal_audit", verify="verify_audit"),
    ),
    "metrics": Group(
        "Measurements and their rollups.",
        _of(
            "operations",
            ingest="ingest_metrics",
            roll_up="roll_up_metrics",
            rollups="list_rollups",
            dashboard="dashboard",
        ),
    ),
    "logs": Group(
        "Requests and errors of your own processes, and what they add up to.",
        _of(
            "operations",
            log_request="log_request",
            log_error="log_error",
            requests="request_statistics",
            errors="errors_by_kind",
        ),
    ),
}

#: Every namespace by its name on a memory.
GROUPS: Mapping[str, Group] = {**_MEMORY, **_KNOWLEDGE, **_WORK, **_ACCESS, **_RUNNING}
