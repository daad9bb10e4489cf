-- How many rows a scope has, counted no further than it takes to decide between exact and indexed search.
-- Index: the scope's own.
SELECT count(*) FROM (SELECT FROM {table} t WHERE t.organization_id = $1 AND {scope} LIMIT {limit}) AS bounded
