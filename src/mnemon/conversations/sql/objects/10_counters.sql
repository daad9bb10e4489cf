-- object: function count_messages()
-- Keeps the counters of conversations and of their sessions, once per statement however many messages it wrote
-- (seed 002 FR-6).
CREATE OR REPLACE FUNCTION count_messages() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- Materialized: a plan that begins at the conversations or sessions would read all rows again for each of them.
  WITH n AS MATERIALIZED (
    SELECT organization_id, conversation_id, count(*) FILTER (WHERE coalesce(part, 1) = 1) AS messages, max(occurred_at) AS latest,
           coalesce(sum(token_count) FILTER (WHERE role <> 'assistant'), 0) AS tokens_in,
           coalesce(sum(token_count) FILTER (WHERE role = 'assistant'), 0) AS tokens_out
    FROM added GROUP BY organization_id, conversation_id
  )
  UPDATE conversations c
  SET message_count = c.message_count + n.messages,
      total_input_tokens = c.total_input_tokens + n.tokens_in,
      total_output_tokens = c.total_output_tokens + n.tokens_out,
      last_message_at = greatest(c.last_message_at, n.latest)
  FROM n
  WHERE c.organization_id = n.organization_id AND c.id = n.conversation_id;

  WITH n AS MATERIALIZED (
    SELECT organization_id, ordinal >> 16 AS number, max(ordinal & 65535) AS place,
           sum(length(search_vector)) AS terms, min(occurred_at) AS earliest, max(occurred_at) AS latest,
           (array_agg(right(rtrim(content, E' \t\n\r'), 1) = '?' ORDER BY ordinal DESC))[1] AS question,
           coalesce(array_agg(DISTINCT speaker) FILTER (WHERE speaker IS NOT NULL), '{}') AS speakers
    FROM (
      SELECT organization_id, ordinal, search_vector, occurred_at, content,
        coalesce(sender_id, md5(speaker)::uuid, agent_id) AS speaker
      FROM added
    ) a
    GROUP BY organization_id, ordinal >> 16
  )
  UPDATE conversation_sessions s
  SET message_count = greatest(s.message_count, n.place),
      term_count = s.term_count + n.terms,
      started_at = least(s.started_at, n.earliest),
      ended_at = greatest(s.ended_at, n.latest),
      ends_with_question = n.question,
      speaker_ids = CASE WHEN s.speaker_ids @> n.speakers THEN s.speaker_ids
                    ELSE ARRAY(SELECT DISTINCT u FROM unnest(s.speaker_ids || n.speakers) AS u) END
  FROM n
  WHERE s.organization_id = n.organization_id AND s.number = n.number;
  RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER count_messages AFTER INSERT ON messages
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT WHEN (NOT importing()) EXECUTE FUNCTION count_messages();

-- The counters are bookkeeping: they change no version, or every message would be a lost update to somebody.
CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON conversations FOR EACH ROW
  WHEN (OLD.message_count = NEW.message_count)
  EXECUTE FUNCTION touch_row();
