"""Other services' data: connections, mail, calendars, files, webhooks.

Tables: integrations, gmail_messages, calendar_events, drive_files, webhook_endpoints, webhook_deliveries.
``signing`` has the deliveries' signature.
"""
