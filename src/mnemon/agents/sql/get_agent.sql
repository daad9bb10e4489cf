-- An agent ($2) of an organisation ($1), every column, as one JSON text. Index: pk_agents.
SELECT (to_jsonb(a) - 'deleted_at')::text AS dna
FROM agents a WHERE a.organization_id = $1 AND a.id = $2 AND a.deleted_at IS NULL
