"""What people work on: tasks, documents, notifications.

Tables: tasks, documents, document_templates, notifications.
Verbs: create_task, get_task, update_task, complete_task, delete_task, list_tasks, due_reminders; create_document,
get_document, update_document, delete_document, list_documents; create_template, get_template, update_template,
delete_template, list_templates; notify, list_notifications, mark_read.
"""
