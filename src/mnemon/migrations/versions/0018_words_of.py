"""Full text is made by one tokeniser that questions are read by too; a row may say its language.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

from mnemon.migrations import ddl

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

#: What each table's full text is made of, and its language: those that have a column of it, and those that are English.
TABLES = {
    "messages": ("content", "language"),
    "memories": ("content", "language"),
    "knowledge_items": (
        "coalesce(content->>'title', '') || ' ' || coalesce(content->>'description', '')",
        "NULL::text",
    ),
    "gmail_messages": (
        "COALESCE(subject, ''::text) || ' '::text || \"left\"(COALESCE(body_text, ''::text), 100000)",
        "NULL::text",
    ),
}

#: Letters of scripts without spaces between words: Thai, Lao, Burmese, Khmer, Chinese and Japanese; then the marks that
#: belong to the letter before, and the syllables of Korean.
NO_SPACES = (
    r"\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e50-\u0e59\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"
    r"\u1000-\u102a\u103f-\u1055\u105a-\u109f\u1780-\u17b3\u17d7\u17dc\u17e0-\u17e9\u2e80-\u2fdf\u3005-\u3007"
    r"\u3021-\u3029\u3031-\u3035\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
)
MARKS = (
    r"\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u17dd"
    r"\u3099\u309a"
)
KOREAN = r"\u1100-\u11ff\uac00-\ud7af"
#: What changes how a character looks and not which it is: selectors of variants, skin tones, joiners, soft hyphens.
IGNORED = (
    r"\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2064\u20e3\ufe00-\ufe0f\ufeff"
    r"\U0001f3fb-\U0001f3ff\U000e0001-\U000e01ef"
)
EMOJI = r"\u231a-\u23ff\u25a0-\u27bf\u2b05-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001fbff"
#: Punctuation and signs outside ASCII, which a server with the locale C takes for letters.
PUNCTUATION = (
    r"\u00a1\u00a6-\u00a9\u00ab\u00ac\u00ae-\u00b1\u00b4\u00b6\u00b7\u00bb\u00bf\u00d7\u00f7\u037e\u0387\u055a-\u055f"
    r"\u0589\u05be\u05c0\u05c3\u05f3\u05f4\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965\u0e2f\u0e4f\u0e5a\u0e5b"
    r"\u104a-\u104f\u17d4-\u17d6\u17d8-\u17da\u2000-\u206f\u2190-\u2319\u2400-\u259f\u2900-\u2b04\u3000-\u3004"
    r"\u3008-\u3020\u3030\u3036-\u303f\u30a0\u30fb"
)
#: Characters with one meaning and several forms, and the form that is compared.
FORMS = {"’‘‛ʼʹ′": "'", "‐‑‒–—―−": "-", "“”„‟″«»‹›": " "}

#: Where a text may have more than words: few states and cheap, it is asked of every row. What it lets through wrongly
#: costs a closer look.
MORE = r"[_@#\\%$&+~/:=]|[.,][0-9A-Za-z]|[a-z][A-Z]|-[0-9]|[0-9][-eE]"
#: A run of characters with something between or beside its letters, and whether it is an identifier without the
#: punctuation around it.
_RUN = r'[^][:space:](){}<>"|;]'
RUN = rf"{_RUN}*(?:[_@#/\\%$&+~€£¥=]|[.:,-][0-9A-Za-z\\/:]|[a-z][A-Z]|[0-9][eE][0-9]){_RUN}*"
INSIDE = (
    r"[0-9A-Za-z][_@#/\\%:&~=]|[_@#/\\$€£¥+][0-9A-Za-z]|[^.]\.[0-9A-Za-z\u00a1-\U0010ffff]|^\.[A-Za-z]|[a-z][A-Z]|"
    r"[0-9][eE][0-9]|[+#]$|[0-9][-+,][0-9A-Za-z]|[A-Za-z]-[0-9]|[0-9][%€£¥]"
)
AROUND = r"""_@#/\%$&+~€£¥.:,-=?!*''^`"""

CONFIGURATIONS = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "da": "danish", "nl": "dutch", "fi": "finnish",
    "fr": "french", "de": "german", "el": "greek", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "ga": "irish",
    "it": "italian", "lt": "lithuanian", "ne": "nepali", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "es": "spanish", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
#: Languages whose own words are looked at by characters: what else their rows have is English more often than not.
LIKE_ENGLISH = ("en", "zh", "ja", "ko", "th", "lo", "km", "my")

SEARCHED = "pg_catalog, public, pg_temp"
#: The connection plans each statement anew; within these functions that would cost more than the work.
SETTINGS = f"SET search_path = {SEARCHED} SET plan_cache_mode = force_generic_plan"

CONFIGURATION = """
CREATE FUNCTION words_configuration(p_language text) RETURNS regconfig LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE p_language
    {cases}
    ELSE CASE WHEN p_language IS NULL OR p_language IN ({like_english}) THEN 'english'::regconfig
      ELSE 'simple'::regconfig END
  END;
END
"""

# A text in the form that is compared, and what it has besides words: identifiers as a whole and in their larger parts,
# emoji, and of scripts without spaces every character and every two in a row (of a question the twos alone, unless it
# has hardly more). `plain` is what is left for the parser of full text, the parts of identifiers after it; `rest` is
# what a question has besides its terms.
PARTS = r"""
CREATE FUNCTION words_parts(
  p_text text, p_language text, p_asking boolean, OUT plain text, OUT terms text[], OUT rest text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE {settings} AS $$
DECLARE
  runs text[];
  joined text;
  one text;
BEGIN
  plain := p_text;
  terms := '{}';
  IF plain ~ '[^\x01-\x7f]' THEN
    plain := translate(normalize(plain, NFKC), '{from}', '{to}');
    IF plain ~ '[{ignored}{punctuation}{emoji}{no_spaces}{korean}]' THEN
      plain := regexp_replace(plain, '[{ignored}]+', '', 'g');
      IF plain ~ '[{emoji}]' THEN
        terms := ARRAY(SELECT m[1] FROM regexp_matches(plain, '[{emoji}]', 'g') m);
        plain := regexp_replace(plain, '[{emoji}]+', ' ', 'g');
      END IF;
      IF plain ~ '[{no_spaces}{korean}]' THEN
        terms := terms || ARRAY(
          SELECT t.term FROM (
            SELECT u.own, lead(u.own) OVER w AS after, lag(u.own) OVER w AS before, count(u.own) OVER () AS units
            FROM (
              SELECT x.m[1] AS own, x.n FROM regexp_matches(
                left(plain, 60000), '([{no_spaces}{korean}][{marks}]*)|[^{no_spaces}{korean}]+', 'g'
              ) WITH ORDINALITY AS x(m, n)
            ) u
            WINDOW w AS (ORDER BY u.n)
          ) g, LATERAL (VALUES
            (g.own || g.after),
            (CASE WHEN NOT p_asking OR g.units <= 3 OR coalesce(g.after, g.before) IS NULL THEN g.own END)) AS t(term)
          WHERE t.term IS NOT NULL);
        plain := regexp_replace(plain, '[{no_spaces}{marks}]+', ' ', 'g');
      END IF;
      plain := regexp_replace(plain, '[{punctuation}]+', ' ', 'g');
    END IF;
  END IF;
  rest := CASE WHEN p_asking THEN plain END;
  IF plain ~ '{more}|[€£¥]|[0-9] [0-9]' THEN
    IF plain ~ '[0-9] [0-9%]' THEN
      terms := terms || words_numbers(plain);
      plain := regexp_replace(plain, '([0-9]) %', '\1%', 'g');
    END IF;
    runs := ARRAY(
      SELECT r.run FROM regexp_matches(plain, '{run}', 'g') m,
        ltrim(rtrim(m[1], '.,:;?!-/''&~*^='), '''*&:;,?!^=') AS r(run)
      WHERE r.run ~ '{inside}' AND octet_length(r.run) <= 1000);
    IF runs <> '{}' THEN
      IF p_asking THEN
        FOREACH one IN ARRAY runs LOOP
          rest := replace(rest, one, ' ');
        END LOOP;
      END IF;
      joined := array_to_string(runs, ' ');
      plain := plain || ' ' || translate(joined, '{around}', '{blanks}');
      IF joined ~ '[a-z][A-Z]' THEN
        plain := plain || ' ' || regexp_replace(joined, '([a-z0-9])([A-Z])', '\1 \2', 'g');
      END IF;
      joined := lower(joined{collation});
      terms := terms || string_to_array(joined, ' ') || words_wholes(joined);
    END IF;
  END IF;
  IF p_language IN ('tr', 'az') THEN
    plain := translate(plain, 'Iİ', 'ıi');
  END IF;
  plain := translate(replace(lower(plain{collation}), 'ß', 'ss'), 'ς', 'σ');
END $$
"""

# The parts of identifiers that are identifiers themselves, and other ways to write them: without scheme, `www.` and the
# `v` of a version; a number without its signs; a date as 2026-03-01.
WHOLES = r"""
CREATE FUNCTION words_wholes(p_runs text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE {settings} AS $$
DECLARE
  found text[] := '{}';
  runs text[];
BEGIN
  IF p_runs ~ '[/@:?&=#,\\]' THEN
    found := ARRAY(
      SELECT s.part FROM unnest(string_to_array(translate(p_runs, '/@:?&=#,\', '         '), ' ')) AS s(part)
      WHERE s.part ~ '[^.][-._+''][^.]');
  END IF;
  IF p_runs ~ '://|\mwww\.|\mv[0-9]+\.' THEN
    found := found || ARRAY(
      SELECT regexp_replace(s.part, '^([a-z][a-z0-9+.-]*://)?(www\.)?|^v', '')
      FROM unnest(string_to_array(p_runs, ' ')) AS s(part)
      WHERE s.part ~ '://[^/]|^www\.[^.]|^v[0-9]+\.');
  END IF;
  IF p_runs ~ '[0-9][-.,/''][0-9]' THEN
    runs := string_to_array(p_runs || ' ' || array_to_string(found, ' '), ' ');
    found := found || ARRAY(
      SELECT regexp_replace(translate(
          regexp_replace(regexp_replace(s.part, '[.,]([0-9]{1,2})[^0-9]*$', '!\1'), '[^0-9!]', '', 'g'), '!', '.'),
        '[.]0+$|([.][1-9])0$', '\1')
      FROM unnest(runs) AS s(part)
      WHERE s.part ~ '^[-+]?[$€£¥]?([0-9]{1,3}([.,''][0-9]{3})+|[0-9]+)([.,][0-9]{1,2})?[$€£¥%]?$');
    IF p_runs ~ '[0-9]{4}' THEN
      found := found || ARRAY(
        SELECT CASE WHEN d.part[3] ~ '....' THEN d.part[3] ELSE d.part[1] END || '-' || lpad(d.part[2], 2, '0') || '-'
          || lpad(CASE WHEN d.part[3] ~ '....' THEN d.part[1] ELSE d.part[3] END, 2, '0')
        FROM unnest(runs) AS s(part), string_to_array(translate(split_part(s.part, 't', 1), './', '--'), '-') AS d(part)
        WHERE s.part ~ '^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}(t[0-9].*)?|[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4})$');
    END IF;
  END IF;
  RETURN found;
END $$
"""

# Numbers that are written with blanks: telephone numbers as their digits, amounts without the blanks.
NUMBERS = r"""
CREATE FUNCTION words_numbers(p_text text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE {settings} AS $$
BEGIN
  RETURN ARRAY(
    SELECT n.digits FROM regexp_matches(p_text, '[+(]*[0-9][0-9 ()./-]{6,20}[0-9]', 'g') m,
      regexp_replace(m[1], '[^0-9]', '', 'g') AS n(digits)
    WHERE length(n.digits) BETWEEN 7 AND 15 AND m[1] !~ '^[0-9]{4}[-/.][0-9]{2}[-/.]'
  ) || ARRAY(
    SELECT regexp_replace(translate(m[1], ' ,', '.'), '[.]0+$', '')
    FROM regexp_matches(p_text, '\m[0-9]{1,3}(?: [0-9]{3})+(?:[.,][0-9]{1,2})?\M', 'g') m);
END $$
"""

READ = """
CREATE FUNCTION words_read(p_text text, p_language text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE {settings} AS $$
DECLARE
  parts record := words_parts(p_text, p_language, false);
BEGIN
  RETURN to_tsvector(words_configuration(p_language), parts.plain) || array_to_tsvector(parts.terms);
END $$
"""

# A row's words. The planner puts the expression in the function's place: a row of plain English pays for one look.
OF = """
CREATE FUNCTION words_of(p_text text, p_language text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT CASE
    WHEN coalesce(p_language, 'en') = 'en' AND p_text !~ '[\\u0080-\\U0010ffff]|{more}'
      THEN to_tsvector('english'::regconfig, p_text)
    ELSE words_read(p_text, p_language)
  END;
END
"""

# A word of a question as rows have it, and what a whole question has besides words.
ASKED = """
CREATE FUNCTION words_asked(p_word text, p_language text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
  SELECT tsvector_to_array(CASE
    WHEN coalesce(p_language, 'en') = 'en' AND p_word !~ '[\\u0080-\\U0010ffff]'
      THEN to_tsvector('english'::regconfig, p_word)
    ELSE to_tsvector(words_configuration(p_language), (words_parts(p_word, p_language, true)).plain)
  END);
END
"""
EXACT = """
CREATE FUNCTION words_exact(p_text text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
  SELECT ARRAY(
    SELECT t.term FROM unnest((words_parts(p_text, NULL, true)).terms) WITH ORDINALITY AS t(term, n)
    GROUP BY t.term ORDER BY min(t.n));
END
"""

# The words of a question for the operators of full text: what somebody typed, in each of the languages (null: English).
QUERY = """
CREATE FUNCTION words_query(p_text text, p_languages text[]) RETURNS tsquery
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE {settings} AS $$
DECLARE
  one text;
  parts record;
  exact tsquery;
  found tsquery;
BEGIN
  IF p_languages IS NULL AND p_text !~ '[\\u0080-\\U0010ffff]|{more}' THEN
    RETURN websearch_to_tsquery('english', p_text);
  END IF;
  IF p_text ~ '(^|[[:space:]])-+[^[:space:]-]' THEN  -- each word that must not stand there is a question of its own
    found := words_query(regexp_replace(
      p_text, '(^|[[:space:]])-+("[^"]*"|[^[:space:]-][^[:space:]]*)', ' ', 'g'), p_languages);
    FOR one IN
      SELECT m[1] FROM regexp_matches(p_text, '(?:^|[[:space:]])-+("[^"]*"|[^[:space:]-][^[:space:]]*)', 'g') m
    LOOP
      found := found && !! words_query(one, p_languages);
    END LOOP;
    RETURN found;
  END IF;
  FOREACH one IN ARRAY array_prepend('en', p_languages) LOOP
    parts := words_parts(p_text, one, true);
    found := coalesce(found || websearch_to_tsquery(words_configuration(one), parts.plain),
      websearch_to_tsquery(words_configuration(one), parts.plain));
    IF parts.terms <> '{}' THEN
      exact := array_to_string(ARRAY(
        SELECT '''' || replace(replace(t.term, '\\', '\\\\'), '''', '''''') || '''' FROM unnest(parts.terms) AS t(term)
      ), ' & ')::tsquery;
      found := found || (exact && websearch_to_tsquery(words_configuration(one), parts.rest));
    END IF;
  END LOOP;
  RETURN found;
END $$
"""

COMMENT = """
SELECT col_description(attrelid, attnum) FROM pg_attribute
WHERE attrelid = '{table}'::regclass AND attname = 'search_vector'
"""
SIGNATURES = (
    "words_query(text, text[])",
    "words_exact(text)",
    "words_asked(text, text)",
    "words_of(text, text)",
    "words_read(text, text)",
    "words_parts(text, text, boolean)",
    "words_wholes(text)",
    "words_numbers(text)",
    "words_configuration(text)",
)


def _functions(collation: str) -> list[str]:
    forms = [(variant, form) for variants, form in FORMS.items() for variant in variants]
    values = {
        "settings": SETTINGS,
        "cases": "\n    ".join(f"WHEN '{code}' THEN '{name}'::regconfig" for code, name in CONFIGURATIONS.items()),
        "like_english": ", ".join(f"'{code}'" for code in LIKE_ENGLISH),
        "from": "".join(variant for variant, _ in forms),
        "to": "".join(form for _, form in forms).replace("'", "''"),
        "ignored": IGNORED,
        "punctuation": PUNCTUATION,
        "emoji": EMOJI,
        "no_spaces": NO_SPACES,
        "korean": KOREAN,
        "marks": MARKS,
        "more": MORE,
        "run": RUN,
        "inside": INSIDE,
        "around": AROUND,
        "blanks": " " * (len(AROUND) - 1),
        "collation": collation,
    }
    texts = [CONFIGURATION, NUMBERS, WHOLES, PARTS, READ, OF, ASKED, EXACT, QUERY]
    for name, value in values.items():
        texts = [text.replace(f"{{{name}}}", value) for text in texts]
    return texts


def upgrade() -> None:
    bind = op.get_bind()
    # Of every letter and on every server the same; before PostgreSQL 17 the database's own locale decides.
    newer = bind.exec_driver_sql("SELECT current_setting('server_version_num')::int >= 170000").scalar()
    for text in _functions(" COLLATE pg_c_utf8" if newer else ""):
        bind.exec_driver_sql(text)
    for signature in SIGNATURES:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {ddl.APP_ROLE}")
    for table in ("messages", "memories"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN language varchar(8)")
        op.execute(f"COMMENT ON COLUMN {table}.language IS 'ISO 639 code of what it is written in; null: not known'")
    for table, (text, language) in TABLES.items():
        _replace(table, f"words_of({text}, {language})")
        ddl.words_index(table)


def downgrade() -> None:
    for table, (text, _) in TABLES.items():
        _replace(table, f"to_tsvector('english'::regconfig, {text})")
        ddl.words_index(table)
    for table in ("messages", "memories"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN language")
    for signature in SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")


def _replace(table: str, expression: str) -> None:
    """Make the column anew: before PostgreSQL 17 no generated column's expression can be changed in place."""
    comment = op.get_bind().exec_driver_sql(COMMENT.format(table=table)).scalar()
    op.execute(
        f"ALTER TABLE {table} DROP COLUMN search_vector, "
        f"ADD COLUMN search_vector tsvector GENERATED ALWAYS AS ({expression}) STORED NOT NULL"
    )
    if comment:
        op.execute(f"COMMENT ON COLUMN {table}.search_vector IS '{comment}'")
