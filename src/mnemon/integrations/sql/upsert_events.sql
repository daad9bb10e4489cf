-- Brings appointments: new ones are added, others changed only where something differs; returns (added) of what was
-- touched. Index: uq_calendar_events_provider_event_id.
INSERT INTO calendar_events AS t (
  organization_id, user_id, integration_id, provider, provider_event_id, calendar_id, title, description, location,
  start_time, end_time, is_all_day, timezone, attendees, is_online_meeting, online_meeting_url, recurrence_rule
)
SELECT $1, $2, $3, $5, n.provider_event_id, n.calendar_id, n.title, n.description, n.location, n.start_time,
  n.end_time, n.is_all_day, n.timezone, n.attendees, n.is_online_meeting, n.online_meeting_url, n.recurrence_rule
FROM jsonb_to_recordset($4::text::jsonb) AS n(
  provider_event_id text, calendar_id text, title text, description text, location text, start_time timestamptz,
  end_time timestamptz, is_all_day boolean, timezone text, attendees jsonb, is_online_meeting boolean,
  online_meeting_url text, recurrence_rule text
)
ON CONFLICT (organization_id, user_id, provider, provider_event_id) DO UPDATE SET
  integration_id = excluded.integration_id, calendar_id = excluded.calendar_id, title = excluded.title,
  description = excluded.description, location = excluded.location, start_time = excluded.start_time,
  end_time = excluded.end_time, is_all_day = excluded.is_all_day, timezone = excluded.timezone,
  attendees = excluded.attendees, is_online_meeting = excluded.is_online_meeting,
  online_meeting_url = excluded.online_meeting_url, recurrence_rule = excluded.recurrence_rule, synced_at = now(),
  deleted_at = NULL
WHERE t.deleted_at IS NOT NULL
  OR (t.integration_id, t.calendar_id, t.title, t.description, t.location, t.start_time, t.end_time, t.is_all_day,
      t.timezone, t.attendees, t.is_online_meeting, t.online_meeting_url, t.recurrence_rule)
     IS DISTINCT FROM
     (excluded.integration_id, excluded.calendar_id, excluded.title, excluded.description, excluded.location,
      excluded.start_time, excluded.end_time, excluded.is_all_day, excluded.timezone, excluded.attendees,
      excluded.is_online_meeting, excluded.online_meeting_url, excluded.recurrence_rule)
RETURNING t.version = 1 AS added
