-- Ordinals of the rows of a scope, packed. Index: the scope's own.
(SELECT string_agg(int8send(t.ordinal), '') AS ordinal FROM {table} t WHERE t.organization_id = $1 AND {scope})
