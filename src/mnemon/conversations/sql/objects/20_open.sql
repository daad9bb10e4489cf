-- object: function open_conversations(uuid, text[], text[], text[])
-- Locks conversations for writing, in the order of their ids, and returns each with its last session; then what these
-- sources have brought of these ids before, forgotten ones too. In one message: a writer waits for each.
-- The statements follow one another, because one that has waited for a lock still sees what was before it waited.
CREATE OR REPLACE FUNCTION open_conversations(
  p_organization uuid, p_names text[], p_sources text[], p_source_ids text[]
) RETURNS TABLE (
  id uuid, external_id text, is_deleted boolean, number bigint, label text, started_at timestamptz,
  ended_at timestamptz, message_count integer, ends_with_question boolean, source text, source_id text
) LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  locked uuid[];
  brought text;
BEGIN
  SELECT array_agg(l.id) INTO locked FROM (
    SELECT c.id FROM conversations c
    WHERE c.organization_id = p_organization AND c.external_id = ANY (p_names)
    ORDER BY c.id FOR NO KEY UPDATE
  ) l;
  RETURN QUERY
    SELECT c.id, c.external_id::text, c.deleted_at IS NOT NULL, s.number, s.label::text, s.started_at, s.ended_at,
      s.message_count, s.ends_with_question, NULL::text, NULL::text
    FROM conversations c
    LEFT JOIN LATERAL (
      SELECT * FROM conversation_sessions s
      WHERE s.organization_id = p_organization AND s.conversation_id = c.id
      ORDER BY s.number DESC LIMIT 1
    ) s ON true
    WHERE c.organization_id = p_organization AND c.id = ANY (locked);
  -- One look-up a source, by its ids: an index probe each, whatever the planner thinks of the table.
  FOR brought IN SELECT DISTINCT unnest(p_sources) LOOP
    RETURN QUERY
      SELECT m.id, NULL::text, NULL::boolean, NULL::bigint, NULL::text, NULL::timestamptz, NULL::timestamptz,
        NULL::integer, NULL::boolean, m.source::text, m.source_id::text
      FROM messages m
      WHERE m.organization_id = p_organization AND m.source = brought AND m.source_id = ANY (p_source_ids);
  END LOOP;
END $$;
