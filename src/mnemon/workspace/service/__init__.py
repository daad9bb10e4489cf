"""The verbs of workspace."""

from mnemon.workspace.service.documents import (
    create_document,
    create_template,
    delete_document,
    delete_template,
    get_document,
    get_template,
    list_documents,
    list_templates,
    update_document,
    update_template,
)
from mnemon.workspace.service.notifications import list_notifications, mark_read, notify
from mnemon.workspace.service.tasks import (
    complete_task,
    create_task,
    delete_task,
    due_reminders,
    get_task,
    list_tasks,
    update_task,
)

__all__ = [
    "complete_task",
    "create_document",
    "create_task",
    "create_template",
    "delete_document",
    "delete_task",
    "delete_template",
    "due_reminders",
    "get_document",
    "get_task",
    "get_template",
    "list_documents",
    "list_notifications",
    "list_tasks",
    "list_templates",
    "mark_read",
    "notify",
    "update_document",
    "update_task",
    "update_template",
]
