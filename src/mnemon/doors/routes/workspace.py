"""Routes of workspace: tasks, documents, files, templates, notifications."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("workspace.create_task", "POST", "/tasks", 201),
    Route("workspace.list_tasks", "GET", "/tasks"),
    Route("workspace.get_task", "GET", "/tasks/{task_id}"),
    Route("workspace.update_task", "PATCH", "/tasks/{id}"),
    Route("workspace.delete_task", "DELETE", "/tasks/{task_id}"),
    Route("workspace.complete_task", "POST", "/tasks/{id}/complete"),
    Route("workspace.due_reminders", "POST", "/reminders"),
    Route("workspace.create_document", "POST", "/documents", 201),
    Route("workspace.list_documents", "GET", "/documents"),
    Route("workspace.get_document", "GET", "/documents/{document_id}"),
    Route("workspace.update_document", "PATCH", "/documents/{id}"),
    Route("workspace.delete_document", "DELETE", "/documents/{document_id}"),
    Route("workspace.put_asset", "POST", "/assets", 201),
    Route("workspace.list_assets", "GET", "/assets"),
    Route("workspace.get_asset", "GET", "/assets/{asset_id}"),
    Route("workspace.read_asset", "GET", "/assets/{asset_id}/content"),
    Route("workspace.delete_asset", "DELETE", "/assets/{asset_id}"),
    Route("workspace.create_template", "POST", "/templates", 201),
    Route("workspace.list_templates", "GET", "/templates"),
    Route("workspace.get_template", "GET", "/templates/{template_id}"),
    Route("workspace.update_template", "PATCH", "/templates/{id}"),
    Route("workspace.delete_template", "DELETE", "/templates/{template_id}"),
    Route("workspace.notify", "POST", "/notifications", 201),
    Route("workspace.list_notifications", "GET", "/notifications"),
    Route("workspace.mark_read", "POST", "/notifications/read"),
)
