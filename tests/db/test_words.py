"""Words behind salts: the full-text indexes answer as the words themselves would, and tell nobody of others' words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.app import App
from mnemon.context import Context
from mnemon.db.session import Database
from mnemon.memory.recall.heard import quote_lexeme
from tests.conftest import APP, Server
from tests.factories import enter, new_slug

#: Few words, so that they meet; with what quoting, escaping and the operators of a question are written with.
PLAIN_WORDS = [
    "a",
    "b",
    "c",
    "d'e",
    "''",
    "\\",
    "\\'",
    "f <-> g",
    "<2>",
    "x:*",
    "T",
    "!",
    "a & b",
    "é",
    "日本",
    "(",
    "\x01",
]
WORDS = st.sampled_from([*PLAIN_WORDS, "l" * 2040, "l" * 2039 + "m", "'" * 1500])
QUOTED = WORDS.map(quote_lexeme)
PLAIN = st.recursive(
    QUOTED,
    lambda one: st.one_of(
        one.map(lambda a: f"!({a})"),
        st.tuples(one, st.sampled_from("&|"), one).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    ),
    max_leaves=6,
)
ANY = st.recursive(
    st.tuples(QUOTED, st.sampled_from(["", "", ":*", ":A", ":B", ":*A", ":AB"])).map("".join),
    lambda one: st.one_of(
        one.map(lambda a: f"!({a})"),
        st.tuples(one, st.sampled_from(["&", "|", "<->", "<2>"]), one).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    ),
    max_leaves=6,
)
VECTOR = st.lists(st.tuples(WORDS, st.integers(1, 6), st.sampled_from("ABD")), max_size=6).map(
    lambda found: " ".join(f"{quote_lexeme(word)}:{place}{weight}" for word, place, weight in found)
)
BOTH = """
SELECT $1::text::tsvector @@ $2::text::tsquery AS plain,
  search_words(current_tenant(), $1::text::tsvector) @@ search_query($2::text::tsquery) AS salted
"""


async def ask(database: Database, ctx: Context, vector: str, query: str) -> tuple[bool, bool]:
    async with database.transaction(ctx.principal) as connection:
        row = await connection.fetchrow(BOTH, vector, query)
    return bool(row["plain"]), bool(row["salted"])


@settings(max_examples=150)
@given(vector=VECTOR, query=PLAIN)
async def test_without_phrases_the_index_answers_as_the_words_do(ctx: Context, vector: str, query: str) -> None:
    plain, salted = await ask(ctx.database, ctx, vector, query)
    assert plain == salted


@settings(max_examples=300)
@given(vector=VECTOR, query=ANY)
async def test_with_phrases_beginnings_and_weights_it_leaves_nothing_out(ctx: Context, vector: str, query: str) -> None:
    plain, salted = await ask(ctx.database, ctx, vector, query)
    assert salted or not plain


@pytest.mark.parametrize("query", ["'a' <-> 'b'", "'a' & 'b'", "'a' <3> 'b' & 'c'"])
async def test_a_phrase_asks_for_all_of_its_words(ctx: Context, query: str) -> None:
    assert (await ask(ctx.database, ctx, "'a':1 'c':2", query))[1] is False


async def test_what_search_gives_for_phrases_and_without_words(ctx: Context) -> None:
    async with ctx.database.transaction(ctx.principal) as connection:
        query = "SELECT search_query(websearch_to_tsquery('english', $1))::text"
        assert not await connection.fetchval(query, "the of")
        assert (await connection.fetchval(query, '"red fox" -cat or dog')).count("'") == 6


async def test_rows_of_others_on_a_page_that_is_looked_through_are_passed_over(
    app: App, ctx: Context, admin: Any
) -> None:
    """A bitmap that does not fit into memory names pages: the index's condition is asked of all that lies there."""
    organization = ctx.principal.organization_id
    others = [(await app.organization(new_slug())).principal.organization_id for _ in range(40)]
    part = (
        "SELECT r FROM generate_series(0, 15) r WHERE satisfies_hash_partition('memories'::regclass, 16, r, $1::uuid)"
    )
    own = await admin.fetchval(part, organization)
    beside = [one for one in others if await admin.fetchval(part, one) == own]
    assert beside
    await admin.execute(
        "INSERT INTO memories (organization_id, content) "
        "SELECT o, 'lighthouse ' || (SELECT string_agg(md5(n || ':' || i), ' ') FROM generate_series(1, 20) i) "
        "FROM generate_series(1, 8000) n, unnest($1::uuid[]) o",
        [organization, beside[0]],
    )
    await admin.execute("VACUUM ANALYZE memories")
    async with ctx.database.transaction(ctx.principal) as connection:
        for setting in ("work_mem = '64kB'", "enable_seqscan = off", "enable_indexscan = off"):
            await connection.execute(f"SET LOCAL {setting}")
        await connection.execute("SET LOCAL cpu_index_tuple_cost = 1000")
        query = (
            "SELECT count(*) FROM memories t "
            "WHERE search_words(t.organization_id, t.search_vector) @~@ search_query('lighthous')"
        )
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE) {query}"))
        assert "search_words_idx" in plan, plan
        assert "lossy=" in plan, plan
        assert await connection.fetchval(query) == 8000
    await admin.execute("DELETE FROM memories WHERE organization_id = ANY($1)", [organization, beside[0]])


async def test_upkeep_of_the_server_salts_as_the_application_does(server: Server, make_database: Any) -> None:
    """What a superuser or the owner does to an index, in no organisation: build, rebuild, check, analyze."""
    name = await make_database()
    admin = await server.connect(database=name)
    organization = await admin.fetchval("INSERT INTO organizations (name, slug) VALUES ('n', 'n-n') RETURNING id")
    await admin.execute("INSERT INTO memories (organization_id, content) VALUES ($1, 'red fox')", organization)
    asked = (
        "SELECT count(*) FROM memories t "
        "WHERE search_words(t.organization_id, t.search_vector) @~@ search_query($1::text::tsquery)"
    )
    part = await admin.fetchval("SELECT tableoid::regclass::text FROM memories")
    words = "search_words(organization_id, search_vector)"
    for login in (None, "mnemon_owner"):
        for work in (
            "VACUUM ANALYZE memories",
            "REINDEX INDEX ix_memories_search",
            f"REINDEX TABLE CONCURRENTLY {part}",
            f"CREATE INDEX CONCURRENTLY again ON {part} USING gin ({words} recall_words_ops)",
            "DROP INDEX again",
            f"CLUSTER {part} USING {part}_pkey",
            f"VACUUM FULL {part}",
        ):
            if login:
                await admin.execute(f"SET ROLE {login}")
            await admin.execute(work)
            await admin.execute("RESET ROLE")
            connection = await server.connect(APP, name)
            async with connection.transaction():
                await enter(connection, organization)
                await connection.execute("SET LOCAL enable_seqscan = off")
                await connection.execute("SET LOCAL enable_indexscan = off")
                await connection.execute("SET LOCAL cpu_index_tuple_cost = 1000")
                assert await connection.fetchval(asked, "fox") == 1, work
                assert await connection.fetchval(asked, "wolf") == 0
            await connection.close()
    await admin.close()


async def test_a_salt_goes_with_its_organisation(admin: Any) -> None:
    made = await admin.fetchval("INSERT INTO organizations (name, slug) VALUES ('n', $1) RETURNING id", new_slug())
    other = await admin.fetchval("INSERT INTO organizations (name, slug) VALUES ('n', $1) RETURNING id", new_slug())
    salts = "SELECT salt FROM search_salts WHERE id = $1"
    first, second = await admin.fetchval(salts, made), await admin.fetchval(salts, other)
    assert len(first) == len(second) == 12
    assert first != second
    await admin.execute("DELETE FROM organizations WHERE id = $1", made)
    assert await admin.fetchval(salts, made) is None
    assert await admin.fetchval(salts, other) == second
