-- Summaries over everything, computed ahead and refreshed on schedule or on demand (REQ-T149). A materialized view has
-- no policies: the application gets at it only through a view with the tenant predicate and security_barrier, and its
-- owner reads the tables through the policy `owner`. No CASCADE here: what is built on these views must say so loudly.

DROP FUNCTION IF EXISTS top_patterns(uuid, integer);
DROP FUNCTION IF EXISTS top_knowledge(uuid, integer);
DROP VIEW IF EXISTS pattern_effectiveness;
DROP VIEW IF EXISTS knowledge_usage;
DROP MATERIALIZED VIEW IF EXISTS pattern_effectiveness_totals;
DROP MATERIALIZED VIEW IF EXISTS knowledge_usage_totals;

-- object: materialized view pattern_effectiveness_totals
CREATE MATERIALIZED VIEW pattern_effectiveness_totals AS
SELECT p.organization_id, p.id AS pattern_id, p.type, p.name, coalesce(m.runs, 0) AS runs,
  coalesce(m.successes, 0) AS successes, m.successes::float8 / m.runs AS success_rate, m.mean_ms, m.p95_ms,
  coalesce(u.uses, 0) AS uses, coalesce(u.helped, 0) AS helped, m.last_run_at, u.last_used_at
FROM patterns p
LEFT JOIN (
  SELECT organization_id, pattern_id, count(*) AS runs, count(*) FILTER (WHERE success) AS successes,
    avg(execution_time_ms)::float8 AS mean_ms,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY execution_time_ms) AS p95_ms, max(created_at) AS last_run_at
  FROM pattern_metrics GROUP BY organization_id, pattern_id
) m ON m.organization_id = p.organization_id AND m.pattern_id = p.id
LEFT JOIN (
  SELECT organization_id, pattern_id, count(*) AS uses, count(*) FILTER (WHERE success) AS helped,
    max(timestamp) AS last_used_at
  FROM pattern_usage GROUP BY organization_id, pattern_id
) u ON u.organization_id = p.organization_id AND u.pattern_id = p.id
WHERE p.deleted_at IS NULL;
CREATE UNIQUE INDEX uq_pattern_effectiveness_totals ON pattern_effectiveness_totals (organization_id, pattern_id);
CREATE INDEX ix_pattern_effectiveness_totals_runs ON pattern_effectiveness_totals (organization_id, runs DESC, pattern_id);
COMMENT ON MATERIALIZED VIEW pattern_effectiveness_totals IS
  'How well each pattern does, over all time, as of the last refresh; read through pattern_effectiveness (REQ-T149)';

-- object: materialized view knowledge_usage_totals
CREATE MATERIALIZED VIEW knowledge_usage_totals AS
SELECT k.organization_id, k.id AS knowledge_id, k.domain, k.content ->> 'title' AS title,
  coalesce(m.retrieved, 0) AS retrieved, coalesce(m.used, 0) AS used, m.rating, coalesce(m.agents, 0) AS agents,
  coalesce(t.transfers, 0) AS transfers, coalesce(t.arrived, 0) AS arrived, m.last_used_at
FROM knowledge_items k
LEFT JOIN (
  SELECT organization_id, knowledge_id, count(*) FILTER (WHERE metric_type = 'retrieved') AS retrieved,
    count(*) FILTER (WHERE metric_type = 'used') AS used,
    (avg(value) FILTER (WHERE metric_type = 'rated'))::float8 AS rating, count(DISTINCT agent_id) AS agents,
    max(timestamp) AS last_used_at
  FROM knowledge_metrics GROUP BY organization_id, knowledge_id
) m ON m.organization_id = k.organization_id AND m.knowledge_id = k.id
LEFT JOIN (
  SELECT organization_id, knowledge_id, count(*) AS transfers, count(*) FILTER (WHERE success) AS arrived
  FROM knowledge_transfers WHERE deleted_at IS NULL GROUP BY organization_id, knowledge_id
) t ON t.organization_id = k.organization_id AND t.knowledge_id = k.id
WHERE k.deleted_at IS NULL;
CREATE UNIQUE INDEX uq_knowledge_usage_totals ON knowledge_usage_totals (organization_id, knowledge_id);
CREATE INDEX ix_knowledge_usage_totals_used ON knowledge_usage_totals (organization_id, used DESC, knowledge_id);
COMMENT ON MATERIALIZED VIEW knowledge_usage_totals IS
  'How much each item of knowledge is used, over all time, as of the last refresh; read through knowledge_usage '
  '(REQ-T149)';

-- object: view pattern_effectiveness
CREATE VIEW pattern_effectiveness WITH (security_barrier = true) AS
SELECT * FROM pattern_effectiveness_totals
WHERE organization_id = current_tenant();
GRANT SELECT ON pattern_effectiveness TO mnemon_app;

-- object: view knowledge_usage
CREATE VIEW knowledge_usage WITH (security_barrier = true) AS
SELECT * FROM knowledge_usage_totals
WHERE organization_id = current_tenant();
GRANT SELECT ON knowledge_usage TO mnemon_app;

-- object: function top_patterns(uuid, integer)
-- The organisation's patterns with the most runs, in that order. The view gives the same, but its barrier keeps the
-- order and the limit out: every row of the organisation would be read and sorted for the first twenty. The tenant
-- predicate is the wall here as it is there. Index: ix_pattern_effectiveness_totals_runs.
CREATE OR REPLACE FUNCTION top_patterns(p_organization uuid, p_limit integer) RETURNS SETOF pattern_effectiveness
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT * FROM pattern_effectiveness_totals t
  WHERE t.organization_id = p_organization
    AND p_organization = current_tenant()
  ORDER BY t.runs DESC, t.pattern_id LIMIT p_limit;
END $$;
REVOKE ALL ON FUNCTION top_patterns(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION top_patterns(uuid, integer) TO mnemon_app;

-- object: function top_knowledge(uuid, integer)
-- The organisation's items that were used most, in that order; as top_patterns(). Index: ix_knowledge_usage_totals_used.
CREATE OR REPLACE FUNCTION top_knowledge(p_organization uuid, p_limit integer) RETURNS SETOF knowledge_usage
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN QUERY
  SELECT * FROM knowledge_usage_totals t
  WHERE t.organization_id = p_organization
    AND p_organization = current_tenant()
  ORDER BY t.used DESC, t.knowledge_id LIMIT p_limit;
END $$;
REVOKE ALL ON FUNCTION top_knowledge(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION top_knowledge(uuid, integer) TO mnemon_app;

-- object: function refresh_knowledge_summaries()
-- Refreshes both summaries without keeping readers out. False, and nothing done, while another call is at it. SECURITY
-- DEFINER: only its owner may refresh a materialized view. It returns nothing of anybody's.
CREATE OR REPLACE FUNCTION refresh_knowledge_summaries() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM FROM upkeep_locks WHERE name = 'knowledge_summaries' FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN false; END IF;
  REFRESH MATERIALIZED VIEW CONCURRENTLY pattern_effectiveness_totals;
  REFRESH MATERIALIZED VIEW CONCURRENTLY knowledge_usage_totals;
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION refresh_knowledge_summaries() FROM PUBLIC, mnemon_app;
GRANT EXECUTE ON FUNCTION refresh_knowledge_summaries() TO mnemon_worker;
