-- object: function search_query(tsquery)
-- A question as the full-text indexes are asked it: its words behind the salt of the transaction's organisation (see
-- search_words(), migration 0015). It finds every row that the question fits, and where the question is of words, `&`,
-- `|` and `!` alone, no other. The index knows not where a word stands, nor how a longer one goes on: for a phrase it
-- finds the rows with all of its words, for `word:*` all rows. SECURITY DEFINER: nobody else reads the salts.
CREATE OR REPLACE FUNCTION search_query(p_query tsquery) RETURNS tsquery
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  own text;
  written text := p_query::text;
  -- All but the words: within quotes, a quote is written twice.
  around text := regexp_replace(written, '''([^'']|'''')*''', '', 'g');
BEGIN
  SELECT s.salt INTO own FROM search_salts s WHERE s.id = current_tenant();
  IF around !~ '[<:]' AND octet_length(written) <= 2000 THEN  -- most questions; the rest takes five times as long
    RETURN regexp_replace(written, '''((?:[^'']|'''')*)''', '''' || own || '\1''', 'g')::tsquery;
  END IF;
  IF around ~ '[<:]' THEN
    IF around LIKE '%!%' THEN  -- what must not stand somewhere may stand elsewhere
      written := querytree(p_query);
    END IF;
    IF around LIKE '%*%' OR written = 'T' THEN
      RETURN ('!''' || own || '''')::tsquery;  -- the salt alone is no word
    END IF;
  END IF;
  -- Word by word with its weights, by the operators of phrases, and by what else stands between.
  RETURN (
    SELECT string_agg(CASE
        WHEN m.part[1] IS NULL THEN coalesce(m.part[3], '&')
        WHEN octet_length(m.part[1]) <= 2000 THEN '''' || own || m.part[1] || ''''
        ELSE '''' || own || CASE WHEN octet_length(w.word) <= 2000 THEN m.part[1]
          ELSE encode(sha256(convert_to(w.word, 'UTF8')), 'hex') END || '''' END, '' ORDER BY m.place)
    FROM regexp_matches(written, '''((?:[^'']|'''')*)''(?::[*A-D]+)?|(<(?:-|[0-9]+)>)|([^''<]+)', 'g')
      WITH ORDINALITY AS m(part, place),
      replace(replace(m.part[1], '''''', ''''), '\\', '\') AS w(word))::tsquery;
END $$;
REVOKE ALL ON FUNCTION search_query(tsquery) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_query(tsquery) TO mnemon_app;
