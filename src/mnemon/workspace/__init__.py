"""What people work on: tasks, documents, notifications.

Tables: tasks, documents, document_templates, notifications.
"""
