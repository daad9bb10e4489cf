-- Gives the entity that stays ($3) what the one that ended ($2) had: names, counts, times. Index: pk_entities.
UPDATE entities t
SET mention_count = t.mention_count + greatest(s.mention_count - $4::int, 0),
    first_seen_at = least(t.first_seen_at, s.first_seen_at), last_seen_at = greatest(t.last_seen_at, s.last_seen_at),
    description = coalesce(t.description, s.description), metadata = s.metadata || t.metadata,
    aliases = t.aliases || ARRAY(
      SELECT DISTINCT ON (n.place, lower(n.name)) n.name
      FROM unnest(s.name::text || s.aliases) WITH ORDINALITY AS n(name, place)
      WHERE lower(n.name) <> t.name_key AND lower(n.name) <> ALL (SELECT lower(a) FROM unnest(t.aliases) AS a)
      ORDER BY n.place)
FROM entities s
WHERE t.organization_id = $1 AND t.id = $3 AND s.organization_id = $1 AND s.id = $2
