-- What rows say, by ordinal. Index: uq_{table}_organization_id_ordinal.
(SELECT t.ordinal, t.content FROM {table} t
 WHERE t.organization_id = $1 AND t.ordinal = ANY({ordinals}) AND {scope})
