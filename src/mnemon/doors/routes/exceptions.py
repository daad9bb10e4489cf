"""Verbs that have no route: those that another door calls, and the few that none does."""

#: Verbs without a route that another door calls, by the module that does.
ELSEWHERE = {
    "identity.ask_reset": "mnemon.doors.http.signin",
    "identity.finish_sign_in": "mnemon.doors.http.signin",
    "identity.reset_password": "mnemon.doors.http.signin",
    "identity.send_code": "mnemon.doors.http.signin",
    "identity.sign_in": "mnemon.doors.http.signin",
    "identity.sign_in_trusted": "mnemon.doors.http.oidc",
    "installation.export_organization": "mnemon.doors.cli.commands.export",
    "integrations.send_deliveries": "mnemon.doors.worker.tasks",
    "jobs.prune_jobs": "mnemon.doors.worker.tasks",
    "knowledge.refresh_knowledge_summaries": "mnemon.doors.worker.tasks",
    "operations.maintain_partitions": "mnemon.doors.worker.tasks",
    "operations.refresh_dashboard": "mnemon.doors.worker.tasks",
    "operations.seal_audits": "mnemon.doors.worker.tasks",
    "workspace.sweep_assets": "mnemon.doors.worker.tasks",
    "workspace.sweep_unowned_assets": "mnemon.doors.worker.tasks",
}
#: Verbs that no caller of a door asks for, with the reason; at most twelve.
EXCEPTIONS = {
    "identity.authenticate_api_key": "what HTTP itself asks of every call that comes with a key",
    "identity.find_session": "what HTTP itself asks of every call that comes with a session",
    "identity.start_session": "for a trusted process: signing in does it, after the second factor",
    "identity.verify_password": "a part of signing in, which says nothing of a password before the second factor",
    "operations.index_usage": "the installation's own; `mnemon doctor` reads the database's statistics itself",
    "operations.slow_queries": "the installation's own; `mnemon doctor` reads the database's statistics itself",
    "operations.table_sizes": "the installation's own; `mnemon doctor` reads the database's statistics itself",
}
