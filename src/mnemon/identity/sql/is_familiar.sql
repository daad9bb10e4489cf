-- Whether a person ($2) began a session from this address ($3) since a moment ($4). Index: ix_sessions_user.
SELECT EXISTS (
  SELECT FROM sessions s
  WHERE s.organization_id = $1 AND s.user_id = $2 AND s.ip_address = $3::text::inet AND s.created_at > $4
)
