-- Guessing at passwords and second factors is counted before anything is compared, and slowed down: whose password or
-- code it is (`person`) and where it comes from (`address`), each for itself and across devices and kinds.
--
-- A subject is named by a keyed hash that only the process can make: who has the application's connection alone can
-- neither read a count, nor set one back, nor make somebody wait.

-- object: function begin_attempt(bytea, bytea, boolean, timestamptz)
-- Counts an attempt against a person and an address (either may be null), of a second factor or of a password. With a
-- retry_after nothing was counted, and nothing may be compared; without, it may be, and the two moments are what
-- settle_attempt() wants if it was right.
-- A person has 5 attempts, an address 100; then each makes the next one wait, 30 s, 1 min, 2 min ... 1 hour at most. An
-- hour takes one from a person's count, a minute one from an address'. What is refused does not prolong the waiting.
-- Each row is held from the check to the count, so that no two attempts see the same one; the address' always first.
CREATE OR REPLACE FUNCTION begin_attempt(p_person bytea, p_address bytea, p_factor boolean, p_at timestamptz)
RETURNS TABLE (retry_after interval, person_until timestamptz, address_until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  subjects CONSTANT bytea[] := ARRAY[p_address, p_person];
  free CONSTANT integer[] := ARRAY[100, 5];
  forgives CONSTANT interval[] := ARRAY['1 minute', '1 hour']::interval[];
  longest CONSTANT interval := '1 hour';
  untils timestamptz[] := ARRAY[NULL, NULL]::timestamptz[];
  passwords integer[] := ARRAY[0, 0];
  factors integer[] := ARRAY[0, 0];
  kept sign_in_attempts;
  gone integer;
BEGIN
  FOR i IN 1..2 LOOP
    CONTINUE WHEN subjects[i] IS NULL;
    INSERT INTO sign_in_attempts AS a (subject, last_at) VALUES (subjects[i], p_at)
    ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject RETURNING a.* INTO kept;
    IF kept.blocked_until > p_at AND kept.blocked_until <= p_at + longest THEN  -- later: the clock was set back
      retry_after := kept.blocked_until - p_at;
      EXIT;
    END IF;
    gone := floor(greatest(extract(epoch FROM p_at - kept.last_at), 0) / extract(epoch FROM forgives[i]));
    passwords[i] := greatest(kept.password_failures - gone, 0);
    factors[i] := greatest(kept.factor_failures - greatest(gone - kept.password_failures, 0), 0);
    gone := passwords[i] + factors[i] + 1 - free[i];
    IF gone >= 0 THEN
      untils[i] := p_at + least(interval '30 seconds' * power(2, least(gone, 10)), longest);
    END IF;
  END LOOP;
  IF retry_after IS NULL THEN
    FOR i IN 1..2 LOOP
      UPDATE sign_in_attempts SET last_at = p_at, blocked_until = untils[i],
        password_failures = passwords[i] + CASE WHEN p_factor THEN 0 ELSE 1 END,
        factor_failures = factors[i] + CASE WHEN p_factor THEN 1 ELSE 0 END
      WHERE subject = subjects[i];
    END LOOP;
    address_until := untils[1];
    person_until := untils[2];
  END IF;
  -- What is forgiven is forgotten, more of it than an attempt adds; without waiting for a row that somebody holds.
  DELETE FROM sign_in_attempts WHERE subject IN (
    SELECT a.subject FROM sign_in_attempts a WHERE a.last_at < p_at - interval '1 day'
    ORDER BY a.last_at LIMIT 10 FOR UPDATE SKIP LOCKED);
  RETURN NEXT;
END $$;
REVOKE ALL ON FUNCTION begin_attempt(bytea, bytea, boolean, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_attempt(bytea, bytea, boolean, timestamptz) TO mnemon_app;

-- object: function settle_attempt(bytea, bytea, boolean, timestamptz, timestamptz)
-- An attempt was right: the person's count of its kind begins anew, the address gets this one back and no more. The
-- other kind stays counted: who knows the password does not get new guesses at the second factor by giving it again.
CREATE OR REPLACE FUNCTION settle_attempt(
  p_person bytea, p_address bytea, p_factor boolean, p_person_until timestamptz, p_address_until timestamptz
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  UPDATE sign_in_attempts SET
    password_failures = CASE WHEN p_factor THEN password_failures ELSE greatest(password_failures - 1, 0) END,
    factor_failures = CASE WHEN p_factor THEN greatest(factor_failures - 1, 0) ELSE factor_failures END,
    blocked_until = CASE WHEN blocked_until = p_address_until OR password_failures + factor_failures <= 100 THEN NULL
      ELSE blocked_until END
  WHERE subject = p_address;
  UPDATE sign_in_attempts SET
    password_failures = CASE WHEN p_factor THEN password_failures ELSE 0 END,
    factor_failures = CASE WHEN p_factor THEN 0 ELSE factor_failures END,
    blocked_until = CASE WHEN blocked_until = p_person_until
      OR CASE WHEN p_factor THEN password_failures ELSE factor_failures END < 5 THEN NULL ELSE blocked_until END
  WHERE subject = p_person;
END $$;
REVOKE ALL ON FUNCTION settle_attempt(bytea, bytea, boolean, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_attempt(bytea, bytea, boolean, timestamptz, timestamptz) TO mnemon_app;

-- object: function attempt_waits(bytea, timestamptz)
-- How long an address waits, without counting anything; null: it does not.
CREATE OR REPLACE FUNCTION attempt_waits(p_address bytea, p_at timestamptz) RETURNS interval
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
  SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN (
    SELECT a.blocked_until - p_at FROM sign_in_attempts a
    WHERE a.subject = p_address AND a.blocked_until > p_at AND a.blocked_until <= p_at + interval '1 hour');
END $$;
REVOKE ALL ON FUNCTION attempt_waits(bytea, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attempt_waits(bytea, timestamptz) TO mnemon_app;
