-- Brings mail: new ones are added, others changed only where something differs; returns (added) of what was touched.
-- Index: uq_gmail_messages_gmail_id.
INSERT INTO gmail_messages AS t (
  organization_id, user_id, integration_id, gmail_id, thread_id, subject, from_email, to_emails, snippet, body_text,
  labels, is_read, received_at, language
)
SELECT $1, $2, $3, n.gmail_id, n.thread_id, n.subject, n.from_email, n.to_emails, n.snippet, n.body_text, n.labels,
  n.is_read, n.received_at, n.language
FROM jsonb_to_recordset($4::text::jsonb) AS n(
  gmail_id text, thread_id text, subject text, from_email text, to_emails text[], snippet text, body_text text,
  labels text[], is_read boolean, received_at timestamptz, language text
)
ON CONFLICT (organization_id, user_id, gmail_id) DO UPDATE SET
  integration_id = excluded.integration_id, thread_id = excluded.thread_id, subject = excluded.subject,
  from_email = excluded.from_email, to_emails = excluded.to_emails, snippet = excluded.snippet,
  body_text = excluded.body_text, labels = excluded.labels, is_read = excluded.is_read,
  received_at = excluded.received_at, language = excluded.language, synced_at = now(), deleted_at = NULL
WHERE t.deleted_at IS NOT NULL
  OR (t.integration_id, t.thread_id, t.subject, t.from_email, t.to_emails, t.snippet, t.body_text, t.labels,
      t.is_read, t.received_at)
     IS DISTINCT FROM
     (excluded.integration_id, excluded.thread_id, excluded.subject, excluded.from_email, excluded.to_emails,
      excluded.snippet, excluded.body_text, excluded.labels, excluded.is_read, excluded.received_at)
RETURNING t.version = 1 AS added
