"""search and recall: as many as asked while there are more, nothing outside the scope, and reasons that add up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemon import AsyncMemory, Forbidden, Invalid
from mnemon.context import Context
from mnemon.core.principal import Principal
from mnemon.identity import service as identity
from mnemon.memory import service
from mnemon.memory.recall.packing import tokens
from mnemon.memory.schemas import Recollection, Scope, Search
from tests.factories import context_of, new_slug

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERBS = ("search", "recall")


def contents(found: Recollection) -> set[str]:
    return {hit.content for hit in found}


@pytest_asyncio.fixture(scope="module")
async def filled(house: AsyncMemory) -> AsyncMemory:
    """An organisation of 60 rows, half talk and half memories; nobody changes it."""
    memory = await house.organization(new_slug())
    await memory.remember(
        [
            {
                "content": f"{'boat' if n % 2 else 'train'} number {n} leaves from {'Lisbon' if n % 3 else 'Porto'}",
                "user": ("ada", "bob", "cem")[n % 3],
                "tags": [f"mod{n % 5}", "all"],
                "metadata": {"n": n, "even": n % 2 == 0},
                "at": NOON + timedelta(hours=n),
                **({"conversation": f"c{n % 4}"} if n < 30 else {"importance": n % 10 + 1}),
            }
            for n in range(60)
        ]
    )
    return memory


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("k", [1, 2, 10, 59, 60, 61, 1000])
@pytest.mark.parametrize("query", ["boat", "Lisbon Porto", "zebra", "the of and", "Ada", "🦓", "?!"])
async def test_as_many_as_asked_while_there_are_more(filled: AsyncMemory, verb: str, k: int, query: str) -> None:
    found: Recollection = await getattr(filled, verb)(query, k=k)
    assert len(found) == min(k, 60)
    assert len({hit.id for hit in found}) == len(found)
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert found.left_out == 0
    assert found.tokens == sum(hit.tokens for hit in found) == sum(tokens(hit.content) for hit in found)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("k", [0, -1, 1001, 1_000_000, 1_000_001, "ten", 1.5, None])
async def test_a_k_out_of_bounds_is_invalid(filled: AsyncMemory, verb: str, k: Any) -> None:
    with pytest.raises(Invalid) as caught:
        await getattr(filled, verb)("boat", k=k)
    assert caught.value.data["field"] == "k"


CONDITIONS: list[tuple[dict[str, Any], Any]] = [
    ({"user": "ada"}, lambda n: n % 3 == 0),
    ({"conversation": "c1"}, lambda n: n < 30 and n % 4 == 1),
    ({"kinds": ["message"]}, lambda n: n < 30),
    ({"kinds": ["memory"]}, lambda n: n >= 30),
    ({"types": ["semantic"]}, lambda n: n >= 30),
    ({"types": ["episodic"]}, lambda n: n < 30),
    ({"types": ["identity"]}, lambda n: False),
    ({"tags": ["mod1"]}, lambda n: n % 5 == 1),
    ({"tags": ["mod1", "all"]}, lambda n: n % 5 == 1),
    ({"tags": ["mod1", "mod2"]}, lambda n: False),
    ({"tags_any": ["mod1", "mod2"]}, lambda n: n % 5 in {1, 2}),
    ({"since": NOON + timedelta(hours=20)}, lambda n: n >= 20),
    ({"until": NOON + timedelta(hours=20)}, lambda n: n < 20),
    ({"since": NOON + timedelta(hours=20), "until": NOON + timedelta(hours=21)}, lambda n: n == 20),
    ({"metadata": {"even": True}}, lambda n: n % 2 == 0),
    ({"metadata": {"n": 7, "even": False}}, lambda n: n == 7),
    ({"metadata": {}}, lambda n: True),
    ({"user": "bob", "kinds": ["memory"], "tags": ["mod0"]}, lambda n: n % 3 == 1 and n >= 30 and n % 5 == 0),
    ({"user": "nobody"}, lambda n: False),
    ({"agent": "nobody"}, lambda n: False),
    ({"conversation": "nowhere"}, lambda n: False),
    ({"team": "none"}, lambda n: False),
    ({"user": "ada", "conversation": "nowhere"}, lambda n: False),
]


@pytest.mark.parametrize("verb", [*VERBS, "list"])
@pytest.mark.parametrize(("conditions", "rule"), CONDITIONS)
async def test_each_condition_of_a_scope(filled: AsyncMemory, verb: str, conditions: dict[str, Any], rule: Any) -> None:
    expected = {n for n in range(60) if rule(n)}
    if verb == "list":
        items = (await filled.list(limit=100, **conditions)).items
    else:
        items = tuple(hit.item for hit in await getattr(filled, verb)("boat from Lisbon", k=100, **conditions))
    assert {item.metadata["n"] for item in items} == expected
    assert len(items) == len(expected)


@pytest.mark.parametrize(
    "conditions",
    [
        {"colour": "blue"},
        {"kinds": []},
        {"kinds": ["dream"]},
        {"types": ["dream"]},
        {"since": NOON, "until": NOON},
        {"since": "yesterday"},
        {"metadata": {"n": float("nan")}},
        {"tags": [[]]},
        {"user": ""},
        {"scope": Scope(), "user": "ada"},
        {"scope": 7},
    ],
)
async def test_a_scope_that_breaks_a_rule(filled: AsyncMemory, conditions: dict[str, Any]) -> None:
    for verb in (*VERBS, "list"):
        with pytest.raises(Invalid):
            await (filled.list(**conditions) if verb == "list" else getattr(filled, verb)("boat", **conditions))


@pytest.mark.parametrize(
    "query", ["boats from Porto", "What did Ada say on 1 March 2026?", "how many trains?", "zebra"]
)
async def test_shares_add_up_to_the_score(filled: AsyncMemory, query: str) -> None:
    for hit in await filled.search(query, k=60):
        assert sum(signal.share for signal in hit.why.match.values()) == pytest.approx(hit.why.match_score, abs=1e-4)
        assert hit.score == hit.why.match_score
        assert not hit.why.recall
        assert hit.why.via
    for hit in await filled.recall(query, k=60, now=NOON + timedelta(days=3)):
        assert sum(signal.share for signal in hit.why.recall.values()) == pytest.approx(hit.score, abs=1e-4)
        five = {name: signal for name, signal in hit.why.recall.items() if name != "succession"}
        assert set(five) == {"semantic", "recency", "importance", "continuity", "relationship"}
        assert sum(signal.weight for signal in five.values()) == pytest.approx(1, abs=1e-4)
        for signal in hit.why.recall.values():
            assert 0 <= signal.value <= 1
            assert signal.share == pytest.approx(signal.weight * signal.value, abs=1e-4)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "query",
    [
        "the and of to",
        "Ada",
        "ada's",
        "Ada Bob Cem",
        "🚢🚂",
        "a & b | !c:*",
        "'boat' <-> \"train\" & !(Lisbon | Porto):*A",
        "'; DROP TABLE memories; --",
        "O'Brien\\' OR 1=1 \\",
        "\\\\\\'''\"\"\"",
        "%s %d {query} $1 :name ::tsquery",
        "東京タワー",
        "من هنا إلى هناك",
        "boat\n\t train \r\n",
        "-1 +2 *3",
        "<b>boat</b>",
        "http://example.org/a?b=c&d=%20 someone@example.org /usr/lib/x.so 3.14159e10",
        ":*",
        "&",
        "_____",
        "\u200b",
        "boat " * 10_000,
        "x" * 50_000,
        "'" * 50_000,
        " ".join(f"word{n}" for n in range(5000)),
        "\U0010ffff\ufffe\x01",
    ],
)
async def test_any_words_are_a_question(filled: AsyncMemory, verb: str, query: str) -> None:
    assert len(await getattr(filled, verb)(query, k=5)) == 5


@settings(max_examples=80)
@given(query=st.text(st.characters(), min_size=1, max_size=80))
async def test_whatever_is_asked_is_answered_or_refused(filled: AsyncMemory, query: str) -> None:
    for verb in (filled.search, filled.recall):
        try:
            assert len(await verb(query, k=3)) == 3
        except Invalid as error:
            assert error.code in {"invalid.content_empty", "invalid.characters"}  # noqa: PT017


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "invalid.content_empty"),
        (" \n ", "invalid.content_empty"),
        ("x" * 50_001, "invalid.content_too_long"),
        ("\x00", "invalid.characters"),
        ("\udc00", "invalid.characters"),
    ],
)
async def test_what_is_no_question(filled: AsyncMemory, query: str, code: str) -> None:
    for verb in (filled.search, filled.recall):
        with pytest.raises(Invalid) as caught:
            await verb(query)
        assert caught.value.code == code


@pytest.mark.parametrize("verb", VERBS)
async def test_an_empty_memory_answers_with_nothing(memory: AsyncMemory, verb: str) -> None:
    found = await getattr(memory, verb)("anything", k=1000)
    assert (found.hits, found.tokens, found.left_out, str(found)) == ((), 0, 0, "")


async def test_words_in_other_scripts_find_what_was_said(memory: AsyncMemory) -> None:
    texts = ["昨日 東京タワー に行きました", "Ich fahre nach München", "сегодня идёт дождь", "the weather is fine"]
    await memory.remember(texts)
    for query, best in (("東京タワー", 0), ("München", 1), ("дождь", 2), ("weather", 3)):
        assert (await memory.search(query, k=1))[0].content == texts[best], query


async def test_what_matches_comes_first(memory: AsyncMemory) -> None:
    await memory.remember(
        [
            {"content": "The lighthouse keeper paints the door red", "user": "ada"},
            {"content": "Dinner is at seven", "user": "ada"},
            {"content": "My bicycle has a flat tyre", "user": "bob"},
            *({"content": f"Nothing in particular happened on day {n}", "user": "cem"} for n in range(40)),
        ]
    )
    for query, start in (
        ("Who paints the lighthouse?", "The lighthouse"),
        ("when do we eat?", "Dinner"),
        ("puncture of the bike", "My bicycle"),
    ):
        assert (await memory.search(query, k=3))[0].content.startswith(start), query


async def test_neighbours_in_talk_count(memory: AsyncMemory) -> None:
    """An answer that shares no word with the question is found by the turn before it."""
    await memory.remember(
        [
            {"content": text, "conversation": "c", "user": "ada", "at": NOON + timedelta(seconds=n)}
            for n, text in enumerate(
                ["Good morning", "What colour is the submarine?", "Yellow, mostly", "I see", "Goodbye"]
            )
        ]
        + [{"content": f"Filler {n}", "conversation": f"d{n}", "user": "ada"} for n in range(30)]
    )
    found = await memory.search("colour of the submarine", k=3)
    assert "Yellow, mostly" in contents(found)


@pytest.mark.parametrize("budget", [1, 3, 10, 50, 200, 100_000])
async def test_a_token_budget_is_kept(filled: AsyncMemory, budget: int) -> None:
    free = await filled.recall("boat", k=30)
    found = await filled.recall("boat", k=30, token_budget=budget)
    assert len(found) + found.left_out == 30
    assert found[0].id == free[0].id, "the best one always comes"
    assert found.tokens <= budget or len(found) == 1
    order = [hit.id for hit in free]
    assert [order.index(hit.id) for hit in found] == sorted(order.index(hit.id) for hit in found)


async def test_a_budget_must_be_positive(filled: AsyncMemory) -> None:
    for budget in (0, -5):
        with pytest.raises(Invalid):
            await filled.recall("boat", token_budget=budget)


@pytest.mark.parametrize(
    ("weight", "best"),
    [("recency", "new"), ("importance", "important"), ("relationship", "bob's"), ("semantic", "harbour")],
)
async def test_each_weight_alone_decides(memory: AsyncMemory, weight: str, best: str) -> None:
    await memory.remember(
        [
            {"content": "new", "user": "ada", "importance": 2, "at": NOON - timedelta(hours=1)},
            {"content": "important", "user": "ada", "importance": 9, "at": NOON - timedelta(days=90)},
            {"content": "bob's", "user": "bob", "importance": 2, "at": NOON - timedelta(days=90)},
            {"content": "harbour", "user": "ada", "importance": 2, "at": NOON - timedelta(days=90)},
        ]
    )
    names = dict.fromkeys(("semantic", "recency", "importance", "continuity", "relationship"), 0.0)
    query = "Bob" if weight == "relationship" else "harbour"
    found = await memory.recall(query, weights={**names, weight: 0.7}, now=NOON, k=4)
    assert found[0].content == best
    assert found[0].why.recall[weight].weight == 1.0


async def test_weights_break_rules(filled: AsyncMemory) -> None:
    for weights in (
        {"semantic": 2},
        {"semantic": -1},
        {"charm": 1},
        dict.fromkeys(("semantic", "recency", "importance", "continuity", "relationship"), 0),
    ):
        with pytest.raises(Invalid):
            await filled.recall("boat", weights=weights)


async def test_an_agents_weights_and_budget_are_taken(memory: AsyncMemory, admin: Any) -> None:
    await memory.remember([{"content": f"boat number {n}", "agent": "guide"} for n in range(30)])
    await admin.execute(
        "UPDATE agents SET memory_config = memory_config || "
        """'{"token_budget": 12, "retrieval_weights": {"semantic": 0.5, "recency": 0.5, "importance": 0, "continuity": 0, "relationship": 0}}' """  # noqa: E501
        "WHERE organization_id = $1",
        context_of(memory).principal.organization_id,
    )
    found = await memory.recall("boat", k=20, agent="guide")
    assert found.tokens <= 12
    assert found.left_out > 0
    assert {name: s.weight for name, s in found[0].why.recall.items() if s.weight} == {"semantic": 0.5, "recency": 0.5}
    found = await memory.recall("boat", k=20, agent="guide", token_budget=1000, weights={"semantic": 1})
    assert len(found) == 20
    assert found[0].why.recall["recency"].weight == pytest.approx(0.2 / 1.65, abs=1e-4)


async def test_a_pin_counts_as_the_highest_importance(memory: AsyncMemory) -> None:
    done = await memory.remember([{"content": "boat", "importance": 9}, {"content": "a boat", "importance": 1}])
    await memory.update(done.ids[1], is_pinned=True)
    found = await memory.recall("boat", weights={**NOTHING, "importance": 1})
    assert [hit.id for hit in found] == [done.ids[1], done.ids[0]]


NOTHING = dict.fromkeys(("semantic", "recency", "importance", "continuity", "relationship"), 0)


async def test_the_running_conversation_counts_for_continuity(memory: AsyncMemory) -> None:
    for place in ("here", "there"):
        await memory.remember("the boat leaves", conversation=place, user="ada", at=NOON)
    found = await memory.recall("boat", weights={**NOTHING, "continuity": 1}, running="here")
    assert found[0].item.conversation == "here"
    assert len(await memory.recall("boat", running="nowhere")) == 2


async def test_text_for_a_prompt_is_in_the_order_of_time(memory: AsyncMemory) -> None:
    for n in (2, 0, 1):
        await memory.remember(f"boat {n}", user="ada", role="user", at=NOON + timedelta(hours=n))
    found = await memory.recall("boat")
    assert str(found).splitlines() == [f"[2026-03-01 {12 + n}:00] ada: boat {n}" for n in range(3)]


# -- who sees what ----------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def shared(memory: AsyncMemory, admin: Any) -> Context:
    """People ada (in the crew) and bob, agents guide and cook; one row of every kind."""
    ctx = context_of(memory)
    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        users = await identity.ensure_users(connection, organization, ["ada", "bob"])
        team = await connection.fetchval(
            "INSERT INTO teams (organization_id, name, slug) VALUES ($1, 'Crew', 'crew') RETURNING id", organization
        )
        await connection.execute(
            "INSERT INTO team_memberships (organization_id, user_id, team_id) VALUES ($1, $2, $3)",
            organization,
            users["ada"],
            team,
        )
    await memory.remember(
        [
            {"content": "open", "memory_type": "semantic"},
            {"content": "guide's own", "memory_type": "agent_private", "agent": "guide"},
            {"content": "cook's own", "memory_type": "agent_private", "agent": "cook", "user": "ada"},
            {"content": "ada's profile", "memory_type": "user_profile", "user": "ada"},
            {"content": "bob's profile", "memory_type": "user_profile", "user": "bob", "agent": "guide"},
            {"content": "crew's", "team": "crew", "user": "ada"},
            {"content": "crew's talk", "team": "crew", "user": "ada", "conversation": "deck"},
            {"content": "talk", "user": "bob", "agent": "guide", "conversation": "shore"},
        ]
    )
    return ctx


EVERYTHING = {
    "open",
    "guide's own",
    "cook's own",
    "ada's profile",
    "bob's profile",
    "crew's",
    "crew's talk",
    "talk",
}


async def principal(ctx: Context, user: str | None = None, agent: str | None = None) -> Principal:
    from mnemon.agents import service as agents

    organization = ctx.principal.organization_id
    async with ctx.database.transaction(ctx.principal) as connection:
        user_id: UUID | None = None
        teams = frozenset[UUID]()
        if user is not None:
            user_id = (await identity.find_users(connection, organization, [user]))[user]
            teams = await identity.teams_of(connection, organization, user_id)
        agent_id = None
        if agent is not None:
            agent_id = (await agents.find_agents(connection, organization, [agent]))[agent]
    return Principal(organization, user_id=user_id, agent_id=agent_id, team_ids=teams)


SEES: list[tuple[str | None, str | None, set[str]]] = [
    (None, None, EVERYTHING),
    ("ada", None, {"open", "ada's profile", "crew's", "crew's talk"}),
    ("bob", None, {"open", "bob's profile", "talk"}),
    (None, "guide", {"open", "guide's own", "talk"}),
    (None, "cook", {"open", "cook's own"}),
    ("ada", "guide", {"open", "guide's own", "ada's profile", "crew's", "crew's talk"}),
    ("bob", "cook", {"open", "cook's own", "bob's profile", "talk"}),
]


@pytest.mark.parametrize(("user", "agent", "sees"), SEES)
async def test_what_a_principal_sees(shared: Context, user: str | None, agent: str | None, sees: set[str]) -> None:
    ctx = shared.as_principal(await principal(shared, user, agent))
    for verb in (service.search, service.recall):
        found = await verb(ctx, Search(query="open own profile crew talk", k=100))
        assert contents(found) == sees, verb
    from mnemon.memory.schemas import ListItems

    page = await service.list_items(ctx, ListItems(limit=100))
    assert {item.content for item in page.items} == sees
    for item in (await service.list_items(shared, ListItems(limit=100))).items:
        for read in (service.get, service.history):
            try:
                await read(ctx, item.id)
                seen = True
            except Exception as error:
                assert getattr(error, "code", None) == "not_found.memory"  # noqa: PT017
                seen = False
            assert seen == (item.content in sees), (read, item.content)


@pytest.mark.parametrize(("user", "agent", "sees"), SEES[1:])
async def test_what_a_principal_may_change(
    shared: Context, user: str | None, agent: str | None, sees: set[str]
) -> None:
    from mnemon import MnemonError
    from mnemon.memory.schemas import Forget, ListItems, Update

    ctx = shared.as_principal(await principal(shared, user, agent))
    items = (await service.list_items(shared, ListItems(limit=100))).items
    for item in items:
        if item.kind == "memory":
            try:
                await service.update(ctx, Update(id=item.id, importance=7))
                changed = True
            except MnemonError as error:
                assert error.code == "not_found.memory"  # noqa: PT017
                changed = False
            assert changed == (item.content in sees), item.content
    await service.forget(ctx, Forget(ids=tuple(item.id for item in items)))
    left = {item.content for item in (await service.list_items(shared, ListItems(limit=100))).items}
    assert left == EVERYTHING - sees


@pytest.mark.parametrize(
    ("conditions", "sees"),
    [
        ({"user": "ada"}, {"ada's profile", "crew's", "crew's talk"}),
        ({"user": "bob"}, {"bob's profile", "talk"}),
        ({"agent": "guide"}, {"guide's own", "talk"}),
        ({"agent": "cook"}, {"cook's own"}),
        ({"user": "bob", "agent": "guide"}, {"bob's profile", "talk"}),
        ({"user": "ada", "agent": "cook"}, {"cook's own"}),
        ({"team": "crew"}, {"crew's", "crew's talk"}),
        ({"team": "crew", "kinds": ["message"]}, {"crew's talk"}),
        ({"team": "none"}, set()),
    ],
)
async def test_an_organisation_that_names_somebody_looks_through_their_eyes(
    memory: AsyncMemory, shared: Context, conditions: dict[str, Any], sees: set[str]
) -> None:
    assert contents(await memory.search("own profile crew talk", k=100, **conditions)) == sees
    assert contents(await memory.recall("own profile crew talk", k=100, **conditions)) == sees
    assert {item.content for item in (await memory.list(**conditions)).items} == sees


async def test_who_leaves_a_team_no_longer_sees_what_it_shares(memory: AsyncMemory, shared: Context) -> None:
    assert "crew's" in contents(await memory.search("crew", k=100, user="ada"))
    async with shared.database.transaction(shared.principal) as connection:
        await connection.execute("DELETE FROM team_memberships")
    assert "crew's" not in contents(await memory.search("crew", k=100, user="ada"))


async def test_a_permission_is_needed_to_read(shared: Context) -> None:
    from mnemon.memory.schemas import ListItems

    ctx = shared.as_principal(Principal(shared.principal.organization_id, permissions=frozenset({"memories:write"})))
    for call in (
        service.search(ctx, Search(query="talk")),
        service.recall(ctx, Search(query="talk")),
        service.list_items(ctx, ListItems()),
    ):
        with pytest.raises(Forbidden) as caught:
            await call
        assert caught.value.data["permission"] == "memories:read"


# -- what is over -----------------------------------------------------------------------------------------------------


async def test_what_was_corrected_forgotten_or_has_expired_is_not_recalled(memory: AsyncMemory) -> None:
    done = await memory.remember(
        [
            {"content": "boat corrected"},
            {"content": "boat forgotten"},
            {"content": "boat expired", "expires_at": datetime.now(UTC) - timedelta(seconds=1)},
            {"content": "boat not yet expired", "expires_at": datetime.now(UTC) + timedelta(hours=1)},
            {"content": "boat true until last year", "at": "2020-01-01", "valid_until": "2021-01-01"},
            {"content": "boat said", "conversation": "c"},
            {"content": "boat said and forgotten", "conversation": "c"},
        ]
    )
    await memory.update(done.ids[0], "boat correct")
    await memory.forget([done.ids[1], done.ids[6]])
    expected = {"boat correct", "boat not yet expired", "boat true until last year", "boat said"}
    for verb in VERBS:
        assert contents(await getattr(memory, verb)("boat", k=100)) == expected
    assert {item.content for item in (await memory.list()).items} == expected


async def test_a_name_is_known_as_soon_as_it_is_used(memory: AsyncMemory) -> None:
    """What a reader learnt of a name before it existed must not stick."""
    assert not len(await memory.search("boat", user="ada"))
    await memory.remember("boat", user="ada")
    assert len(await memory.search("boat", user="ada")) == 1
    assert not len(await memory.search("boat", conversation="plans"))
    await memory.remember("boat again", user="ada", conversation="plans")
    assert len(await memory.search("boat", conversation="plans")) == 1


async def test_a_name_in_a_question_leads_to_its_bearer(memory: AsyncMemory) -> None:
    for name in ("Ada Lovelace", "Grace Hopper"):
        await memory.remember(
            [{"content": f"I like {thing}", "user": name, "conversation": "c"} for thing in ("tea", "boats", "maps")]
        )
    found = await memory.search("What does Grace like?", k=6)
    assert {hit.item.user for hit in list(found)[:3]} == {"Grace Hopper"}
    assert found[0].why.names == ("grace",)


async def test_an_expired_memory_is_over_for_valid_at_too(memory: AsyncMemory) -> None:
    await memory.remember("boat", at=NOON - timedelta(days=9), expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert not len(await memory.search("boat", valid_at=NOON))
