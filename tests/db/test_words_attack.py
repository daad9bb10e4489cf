"""Another organisation's words, one by one, through the full-text index and EXPLAIN: the attack, and that it is over.

Two organisations share every partition. What EXPLAIN ANALYZE says to the one, and what the server counts for an index,
must be the same for a word that the other has and for one that nobody has. Controls show that the test would see it.
"""

from __future__ import annotations

import json
import string
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio

from tests.conftest import APP, Server
from tests.factories import Rows, enter, insert, new_slug, tables

TEXTS = {
    "messages": ("content", "'{}'"),
    "memories": ("content", "'{}'"),
    "knowledge_items": ("content", """'{{"title": "{}"}}'"""),
    "gmail_messages": ("subject", "'{}'"),
}
#: Of the one who asks; of the other, often and seldom; of nobody. As long as each other, so that plans are alike.
OWN, OFTEN, SELDOM, NOBODYS = "walrus", "quokka", "iguana", "wombat"
FILL = {OFTEN: 30, SELDOM: 3}
INDEXED = "search_words(t.organization_id, t.search_vector)"
#: How a question may be put. ``{w}`` is the word, ``{a}`` and ``{b}`` are the organisations.
WAYS = (
    "t.search_vector @~@ '{w}'",
    "t.search_vector @@ '{w}'",
    "t.search_vector @~@ '{w}:*'",
    "t.search_vector @~@ '{w} | " + OWN + "'",
    INDEXED + " @~@ '{w}'",
    INDEXED + " @~@ '{w}:*'",
    INDEXED + " @~@ '!{w}'",
    INDEXED + " @@ '{w}'",
    INDEXED + " @~@ search_query('{w}')",
    INDEXED + " @~@ search_query('{w}:*')",
    INDEXED + " @~@ search_query('!{w}')",
    INDEXED + " @~@ search_query('{w} <-> {w}')",
    INDEXED + " @~@ search_query('{w} | " + OWN + "')",
    INDEXED + " @~@ ('''' || substr(search_query('x')::text, 2, 12) || '{w}:*''')::tsquery",
    INDEXED + " @~@ to_tsquery('simple', '{w}')",
    "search_words('{a}', t.search_vector) @~@ '{w}'",
    "search_words('{a}', t.search_vector) @~@ search_query('{w}')",
    "search_words('{b}', t.search_vector) @~@ '{w}'",
    "search_words('{b}', t.search_vector) @~@ search_query('{w}')",
    "t.organization_id = '{b}' AND " + INDEXED + " @~@ search_query('{w}')",
    "t.organization_id = '{b}' AND t.search_vector @~@ '{w}'",
)
#: What the attacker makes the planner do.
NO_SCANS = ("enable_seqscan = off", "enable_indexscan = off", "enable_indexonlyscan = off")
DEAR_OTHERS = (*NO_SCANS, "cpu_index_tuple_cost = 1000")
PLANS = ((), ("enable_seqscan = off",), NO_SCANS, DEAR_OTHERS, ("enable_seqscan = off", "enable_bitmapscan = off"))
BY_INDEX = '"Node Type": "Bitmap Index Scan"'
TIMES = ("Planning Time", "Execution Time")


@dataclass(frozen=True, slots=True)
class Two:
    """A database with two organisations in the same partitions; the first one's SQL is the attacker's.

    Attributes:
        salt: the other's, which the attacker has not.
    """

    server: Server
    name: str
    mine: UUID
    theirs: UUID
    salt: str

    async def asking(self) -> Any:
        """The application's connection."""
        return await self.server.connect(APP, self.name)

    def put(self, way: str, word: str) -> str:
        """The condition that asks for a word in this way."""
        return way.format(w=word, a=self.mine, b=self.theirs)


@pytest_asyncio.fixture
async def two(server: Server, make_database: Callable[..., Awaitable[str]]) -> Two:
    name = await make_database()
    admin = await server.connect(database=name)
    known = await tables(admin)
    mine = uuid4()
    part = (
        "SELECT r FROM generate_series(0, 15) r WHERE satisfies_hash_partition('messages'::regclass, 16, r, $1::uuid)"
    )
    wanted = await admin.fetchval(part, mine)
    theirs = uuid4()
    while await admin.fetchval(part, theirs) != wanted:
        theirs = uuid4()
    for organization, words in ((mine, {OWN: 5}), (theirs, FILL)):
        await admin.execute("INSERT INTO organizations (id, name, slug) VALUES ($1, 'n', $2)", organization, new_slug())
        rows = Rows(admin, known, organization)
        for table, (column, text) in TEXTS.items():
            for word, count in words.items():
                for _ in range(count):
                    values = await rows.values(table)
                    await admin.execute(insert(table, {**values, column: text.format(word)}))
    shared = "SELECT count(DISTINCT tableoid) FROM {} WHERE organization_id = ANY($1)"
    for table in TEXTS:
        assert await admin.fetchval(shared.format(table), [mine, theirs]) == 1
    await admin.execute("VACUUM ANALYZE")
    salt = await admin.fetchval("SELECT salt FROM search_salts WHERE id = $1", theirs)
    await admin.close()
    return Two(server, name, mine, theirs, salt)


async def told(connection: Any, two: Two, table: str, condition: str, planner: tuple[str, ...] = ()) -> Any:
    """All that EXPLAIN ANALYZE tells of a question, but times."""
    query = f"SELECT 1 FROM {table} t WHERE {condition}"
    async with connection.transaction():
        await enter(connection, two.mine)
        for setting in planner:
            await connection.execute(f"SET LOCAL {setting}")
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, VERBOSE, BUFFERS OFF, TIMING OFF, FORMAT JSON) {query}")
    (plan,) = json.loads(found)
    return {name: value for name, value in plan.items() if name not in TIMES}


async def counted(connection: Any, two: Two, table: str, condition: str) -> Any:
    """By how much the server's counters of the table's indexes grew with a question."""
    counters = f"""
    SELECT sum(s.idx_scan)::int, sum(s.idx_tup_read)::int, sum(s.idx_tup_fetch)::int FROM pg_stat_all_indexes s
    WHERE s.relname LIKE '{table}%' AND s.indexrelname LIKE '%search%'
    """
    await connection.execute("SELECT pg_stat_force_next_flush()")
    before = await connection.fetchrow(counters)
    async with connection.transaction():
        await enter(connection, two.mine)
        for setting in DEAR_OTHERS:
            await connection.execute(f"SET LOCAL {setting}")
        await connection.fetch(f"SELECT 1 FROM {table} t WHERE {condition}")
        await connection.execute("SELECT pg_stat_force_next_flush()")
    after = await connection.fetchrow(counters)
    return tuple(new - old for old, new in zip(before, after, strict=True))


def leveled(plan: Any, word: str) -> str:
    """What was told, with the word that was asked for taken out."""
    return json.dumps(plan, sort_keys=True).replace(word, "<word>")


@pytest.mark.parametrize("table", TEXTS)
async def test_no_plan_tells_a_word_that_the_other_has_from_one_that_nobody_has(two: Two, table: str) -> None:
    connection = await two.asking()
    by_index = 0
    for way in WAYS:
        for planner in PLANS:
            said = {
                word: leveled(await told(connection, two, table, two.put(way, word), planner), word)
                for word in (OFTEN, SELDOM, NOBODYS)
            }
            assert len(set(said.values())) == 1, f"{way} {planner}: {said}"
            by_index += BY_INDEX in said[OFTEN]
        counts = {await counted(connection, two, table, two.put(way, word)) for word in (OFTEN, SELDOM, NOBODYS)}
        assert len(counts) == 1, f"{way}: {counts}"
    assert by_index > len(WAYS) // 3, "the index itself was asked"
    # One's own words are found by it all the same.
    own = two.put(INDEXED + " @~@ search_query('{w}')", OWN)
    assert '"Actual Rows": 5' in json.dumps(await told(connection, two, table, own, DEAR_OTHERS))
    await connection.close()


@pytest.mark.parametrize("table", TEXTS)
async def test_salts_are_not_found_letter_by_letter(two: Two, table: str) -> None:
    """Beginnings are not looked up: neither any letter's, nor that of the other's salt, known to its last letter."""
    connection = await two.asking()
    letters = string.ascii_letters + string.digits + "+/"
    known = [two.salt[:n] for n in range(1, len(two.salt) + 1)] + [two.salt + OFTEN[:n] for n in range(1, 6)]
    said = set()
    for start in [*letters, *known]:
        condition = f"{INDEXED} @~@ '''{start}'':*'"
        plan = await told(connection, two, table, condition, DEAR_OTHERS)
        assert BY_INDEX in json.dumps(plan)
        said.add(leveled(plan, f"'{start}'"))
    assert len(said) == 1
    # Were salt and word both guessed, whole, it would be told: so the salt is long, and the test does see.
    whole = await told(connection, two, table, f"{INDEXED} @~@ '''{two.salt}{OFTEN}'''", DEAR_OTHERS)
    assert f'"Actual Rows": {FILL[OFTEN]}' in json.dumps(whole)
    await connection.close()


async def test_nobody_is_given_anothers_salt_or_salted_words(two: Two) -> None:
    connection = await two.asking()
    async with connection.transaction():
        words = "SELECT search_words($1, '''x''')::text"
        assert await connection.fetchval(words, two.mine) is None, "for nobody"
        assert await connection.fetchval("SELECT search_query('x')") is None
        await enter(connection, two.mine)
        mine = await connection.fetchval(words, two.mine)
        assert len(mine) == 12 + 1 + 2
        assert mine == await connection.fetchval("SELECT search_query('x')::text")
        assert await connection.fetchval(words, two.theirs) is None
        assert await connection.fetchval(words, uuid4()) is None
        plain = "SELECT count(*) FROM messages WHERE search_words(organization_id, search_vector) IS NULL"
        assert await connection.fetchval(plain) == 0
    for refused in (
        "SELECT * FROM search_salts",
        "UPDATE search_salts SET salt = 'x'",
        "INSERT INTO search_salts (id) VALUES (gen_random_uuid())",
        "DELETE FROM search_salts",
        "SELECT salt_organization()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(refused)
    assert await connection.fetchval("SELECT count(*) FROM pg_stats WHERE tablename = 'search_salts'") == 0
    await connection.close()


@pytest.mark.parametrize(
    ("index", "condition"),
    [
        ("search_vector recall_tsvector_ops", "t.search_vector @~@ '{w}'"),
        ("search_words(organization_id, search_vector) recall_tsvector_ops", INDEXED + " @~@ '''{salt}{w}'':*'"),
    ],
)
async def test_the_indexes_from_before_do_tell(two: Two, index: str, condition: str) -> None:
    """The control: with words as they are, or with an operator class that knows beginnings, the attack succeeds."""
    admin = await two.server.connect(database=two.name)
    await admin.execute("DROP INDEX ix_messages_search")
    await admin.execute(f"CREATE INDEX ix_messages_search ON messages USING gin ({index})")
    await admin.close()
    connection = await two.asking()
    for word, count in ((OFTEN, FILL[OFTEN]), (SELDOM, FILL[SELDOM]), (NOBODYS, 0)):
        asked = condition.format(w=word, salt=two.salt)
        plan = json.dumps(await told(connection, two, "messages", asked, DEAR_OTHERS))
        assert f'"Actual Rows": {count}' in plan, plan
        assert (await counted(connection, two, "messages", asked))[1] == count
    await connection.close()
