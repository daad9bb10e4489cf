"""Words behind salts: the full-text indexes answer as the words themselves would, and tell nobody of others' words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon.core.context import Context
from mnemon.db.session import Database
from mnemon.memory.recall.candidates import quote_lexeme

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
    "|",
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
    async with database.hot(ctx.principal) as connection:
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
    async with ctx.database.hot(ctx.principal) as connection:
        query = "SELECT search_query(websearch_to_tsquery('english', $1))::text"
        assert not await connection.fetchval(query, "the of")
        assert (await connection.fetchval(query, '"red fox" -cat or dog')).count("'") == 6
