-- Notes that an entity was seen again and adds aliases that it has not; returns it. Index: pk_entities.
UPDATE entities e
SET last_seen_at = greatest(e.last_seen_at, $3), first_seen_at = least(e.first_seen_at, $3),
    description = coalesce(e.description, $5), metadata = $6::text::jsonb || e.metadata,
    aliases = e.aliases || ARRAY(
      SELECT n.name FROM unnest($4::text[]) WITH ORDINALITY AS n(name, place)
      WHERE lower(n.name) <> e.name_key AND lower(n.name) <> ALL (SELECT lower(a) FROM unnest(e.aliases) AS a)
      ORDER BY n.place)
WHERE e.organization_id = $1 AND e.id = $2
