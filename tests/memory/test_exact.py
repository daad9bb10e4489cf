"""Exact things: an identifier is found as a whole and by its parts, whatever stands around it, among many like it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import pytest_asyncio
from bench.exact import KINDS, made
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import SearchMessages
from mnemon.memory import service
from mnemon.memory.schemas import Search
from tests.factories import context_of, new_slug

#: (what was said, what is asked): each is the first hit of its question among all of them and many like them.
SAID = [
    ("Release v2.3.1 went out", "v2.3.1"),
    ("Release v2.3.11 went out", "Was there a 2.3.11?"),
    ("Host 10.0.3.7 is in rack 2", "10.0.3.7"),
    ("The proxy listens on 10.0.3.70:8080.", "10.0.3.70"),
    ("The gateway is fe80::1ff:fe23:4567:890a", "fe80::1ff:fe23:4567:890a"),
    ("Look into /etc/nginx/nginx.conf, please", "nginx.conf"),
    (r"It is in C:\Users\ann\report_final.docx", "report_final.docx"),
    ("Write to jo.ann+news@mail.example.org!", "jo.ann+news@mail.example.org"),
    ("See https://docs.example.com/a/b-c?page=7#top for more", "docs.example.com"),
    ("We ordered AX-1042/B twice", "Where is AX-1042/B?"),
    ("We ordered AX-1043/C once", "1043"),
    ("It failed with ORA-00942: no table", "ORA-00942"),
    ("It failed with E_NOENT again", "e_noent"),
    ("Windows says 0x80070005 (access denied)", "0x80070005"),
    ("The invoice says $1,299.50.", "1299.50"),
    ("Die Rechnung: 4.711,20 EUR", "4,711.20"),
    ("VAT was 12 % then", "12%"),
    ("The contract ends 2026-03-17", "2026-03-17"),
    ("Der Vertrag endet 18.03.2026", "18.03.2026"),
    ("The train left at 17:42", "17:42"),
    ("Commit 9e107d9d372bb6826bd81d3542a419d6 is bad", "9e107d9d372bb6826bd81d3542a419d6"),
    ("Ticket f47ac10b-58cc-4372-a567-0e02b2c3d479", "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
    ("Call +49 89 1234567", "+49 (89) 123-4567"),
    ("Call (555) 123-9876", "555-123-9876"),
    ("The setting max_wal_size grew", "max_wal_size"),
    ("The function getUserName is slow", "getUserName"),
    ("He writes C++ all day", "C++"),
    ("She writes C# all day", "C#"),
    ("They write .NET all day", ".NET"),
    ("Posted under #mondayrun", "#mondayrun"),
    ("Ask @maria_k about it", "@maria_k"),
]


@pytest_asyncio.fixture(scope="module")
async def filled(house: AsyncMemory) -> AsyncMemory:
    """An organisation with what was said, and thousands of rows like it; nobody changes it."""
    memory = await house.organization(new_slug())
    others = [row for _, row, _ in made(1800)]
    await memory.remember([{"content": one} for one in [*others, *(said for said, _ in SAID)]])
    return memory


@pytest.mark.parametrize(("said", "asked"), SAID, ids=[asked for _, asked in SAID])
async def test_an_identifier_is_the_first_hit_of_its_question(filled: AsyncMemory, said: str, asked: str) -> None:
    found = await filled.search(asked, k=3)
    assert found.hits[0].content == said
    assert found.hits[0].why.terms


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("The function getUserName is slow", "user name function"),
        ("The setting max_wal_size grew", "max wal"),
        ("Look into /etc/nginx/nginx.conf, please", "nginx"),
        ("Write to jo.ann+news@mail.example.org!", "mail.example.org"),
        ("We ordered AX-1042/B twice", "AX-1042"),
        ("The proxy listens on 10.0.3.70:8080.", "8080"),
    ],
)
async def test_its_parts_find_it_too(filled: AsyncMemory, said: str, asked: str) -> None:
    assert said in [hit.content for hit in await filled.search(asked, k=5)]


async def test_of_every_kind_nearly_all_are_found_first(filled: AsyncMemory) -> None:
    asked = [one for n, one in enumerate(made(1800)) if n % 17 == 0]
    right = Counter[str]()
    for kind, row, question in asked:
        right[kind] += (await filled.search(question, k=1)).hits[0].content == row
    assert set(right) == set(KINDS)
    assert right.total() >= 0.95 * len(asked), right


async def test_in_the_indexes_it_is_the_same(house: AsyncMemory) -> None:
    memory = await house.organization(new_slug())
    ctx = context_of(memory)
    ctx = replace(ctx, settings=ctx.settings.model_copy(update={"exact_search_limit": 50, "recall_copy_rows": 0}))
    rows = list(made(400))
    await memory.remember([{"content": row} for _, row, _ in rows])
    assert (await service.maintain(ctx)).indexed == 400
    for _, row, question in rows[::20]:
        assert (await service.search(ctx, Search(query=question, k=1))).hits[0].content == row


async def test_messages_are_found_by_identifiers_as_they_are_typed(house: AsyncMemory) -> None:
    memory = await house.organization(new_slug())
    said = [
        "We ordered AX-1042/B. Then nothing",
        "We ordered AX-1043/B. Then nothing",
        "我喜欢喝绿茶",
        "Nimm die Straße",
    ]
    await memory.remember([{"content": one, "conversation": "c", "user": "ann"} for one in said])
    for asked, content in [
        ("AX-1042/B", said[0]),
        ("ordered ax-1043/b?", said[1]),
        ("nothing -AX-1042/B", said[1]),
        ("绿茶", said[2]),
        ("STRASSE", said[3]),
    ]:
        found = await conversations.search_messages(context_of(memory), SearchMessages(query=asked))
        assert [hit.content for hit in found] == [content], asked


@settings(max_examples=150)
@given(text=st.text(max_size=60), around=st.sampled_from(["{}", "a {} b", "({}).", "“{}”", "{}，"]))
async def test_whatever_is_asked_for_word_by_word_is_in_the_row(ctx: Context, text: str, around: str) -> None:
    """One tokeniser: what the question has besides words, the row that holds the question has too."""
    text = text.replace("\x00", "")
    async with ctx.database.transaction(ctx.principal) as connection:
        row = await connection.fetchrow(
            "SELECT words_exact($1) AS asked, tsvector_to_array(words_of($2, NULL)) AS has, "
            "words_query($1, NULL)::text AS typed",
            text,
            around.format(text),
        )
    assert row is not None
    assert isinstance(row["typed"], str)
    if around == "{}":
        assert set(row["asked"]) <= set(row["has"])
