-- A moment later than every moment of knowing of a subject and a predicate, even if the clock was set back.
-- Index: ix_memory_facts_subject.
SELECT greatest(
  clock_timestamp(), max(greatest(recorded_at, coalesce(retracted_at, recorded_at))) + interval '1 microsecond')
FROM memory_facts WHERE organization_id = $1 AND subject = $2 AND predicate = $3
