-- object: function note_embedding_space(text, integer, text, bytea)
-- Notes the model of this database's vectors, if none is noted, and returns the one that is: of two first starts the
-- second waits for the first and finds its model. SECURITY DEFINER, and only for who proves the claim
-- `embedding_space:<model>:<dimensions>:<fingerprint>`: the application's login reads the table and cannot write it.
CREATE OR REPLACE FUNCTION note_embedding_space(
  p_model text, p_dimensions integer, p_fingerprint text, p_proof bytea
) RETURNS TABLE (model text, dimensions integer, fingerprint text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT proven('embedding_space:' || p_model || ':' || p_dimensions || ':' || coalesce(p_fingerprint, ''), p_proof) THEN
    RAISE EXCEPTION 'which model this is is not proven' USING ERRCODE = 'MN001';
  END IF;
  INSERT INTO embedding_space (model, dimensions, fingerprint) VALUES (p_model, p_dimensions, p_fingerprint)
  ON CONFLICT DO NOTHING;
  RETURN QUERY SELECT s.model::text, s.dimensions, s.fingerprint::text FROM embedding_space s;
END $$;
REVOKE ALL ON FUNCTION note_embedding_space(text, integer, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_embedding_space(text, integer, text, bytea) TO mnemon_app;
