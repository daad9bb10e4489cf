"""A call that travels is the same call at the other end, and its answer the same answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from mnemon import verbs
from mnemon.conversations.schemas import ConversationList, ConversationUpdate, NewMessage
from mnemon.core.errors import Invalid
from mnemon.doors import routes
from mnemon.doors.routes import wire
from mnemon.identity.schemas_access import NewApiKey, PasswordSet, RoleRef
from mnemon.memory.schemas import ListItems, NewMemory, Remember, Scope, Search, Weights

NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Z")), min_size=1, max_size=20)
MOMENTS = st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(3000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(NAMES.filter(lambda name: not name.startswith("$")), JSON, max_size=3)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


SCOPES = some(
    user=NAMES,
    agent=NAMES,
    conversation=NAMES,
    kinds=st.sets(st.sampled_from(["message", "memory"]), min_size=1),
    tags=st.lists(NAMES, min_size=1, max_size=3, unique=True),
    since=MOMENTS,
    metadata=OBJECTS,
    part_of=st.uuids(),
    as_of=MOMENTS,
)


def travelled(verb: str, request: BaseModel | None = None, **parameters: Any) -> BaseModel:
    """What arrives of a request."""
    route = routes.of(verb)
    assert route is not None
    call = wire.encode(route, request, **parameters)
    places = dict(zip(route.path.split("/"), call.path.split("/"), strict=True))
    names = {name[1:-1]: value for name, value in places.items() if name.startswith("{")}
    assert call.method == route.method
    return wire.decode(route, names, call.query, call.body)


@given(SCOPES, st.integers(1, 1000), st.booleans())
def test_a_list_with_a_scope_travels_in_a_query(scope: dict[str, Any], limit: int, past: bool) -> None:
    request = ListItems(scope=Scope(**scope), limit=limit, include_past=past)
    assert travelled("memory.list_items", request) == request


@given(SCOPES, NAMES, st.none() | st.floats(0, 1))
def test_a_search_travels_in_a_body(scope: dict[str, Any], query: str, weight: float | None) -> None:
    weights = None if weight is None else Weights(semantic=weight)
    request = Search(query=query, scope=Scope(**scope), weights=weights)
    assert travelled("memory.recall", request) == request


@given(
    st.lists(some(at=MOMENTS, user=NAMES, tags=st.lists(NAMES, max_size=2), metadata=OBJECTS), max_size=4), st.data()
)
def test_messages_and_memories_stay_what_they_are(items: list[dict[str, Any]], data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from([NewMessage, NewMemory]), min_size=len(items), max_size=len(items)))
    request = Remember(items=tuple(kind(content="x", **fields) for kind, fields in zip(kinds, items, strict=True)))
    there = travelled("memory.remember", request)
    assert there == request
    assert isinstance(there, Remember)
    assert [type(item) for item in there.items] == kinds


@given(OBJECTS)
def test_an_object_travels_in_a_query_as_json(metadata: dict[str, Any]) -> None:
    request = ConversationList(metadata=metadata, limit=3)
    assert travelled("conversations.list_conversations", request) == request


@given(NAMES)
def test_a_name_travels_as_it_is(name: str) -> None:
    assert travelled("identity.delete_role", RoleRef(role=name)) == RoleRef(role=name)


def test_what_is_emptied_arrives_and_what_was_not_said_does_not() -> None:
    request = ConversationUpdate(conversation_id=uuid4(), agent_id=None, title="x")
    there = travelled("conversations.update_conversation", request)
    assert there == request
    assert there.model_fields_set == {"conversation_id", "agent_id", "title"}


def test_a_secret_arrives() -> None:
    request = PasswordSet(user_id=uuid4(), password=SecretStr("wet-otter-laughs-9"))
    there = travelled("identity.set_password", request)
    assert isinstance(there, PasswordSet)
    assert there.password.get_secret_value() == "wet-otter-laughs-9"


def test_what_the_door_knows_replaces_what_was_claimed() -> None:
    route = routes.of("identity.set_password")
    assert route is not None
    body = {"password": "wet-otter-laughs-9", "ip_address": "10.0.0.1"}
    there = wire.decode(route, {"user_id": str(uuid4())}, (), body, ip_address="192.0.2.7")
    assert isinstance(there, PasswordSet)
    assert str(there.ip_address) == "192.0.2.7"


def test_ids_and_keywords_travel_too() -> None:
    moment = datetime(2026, 5, 1, tzinfo=UTC)
    there: Any = travelled("memory.get", item_id=(own := uuid4()), as_of=moment)
    assert wire.arguments(verbs.find("memory.get"), there) == {"item_id": own, "as_of": moment}
    there = travelled("memory.get", item_id=own)
    assert wire.arguments(verbs.find("memory.get"), there) == {"item_id": own, "as_of": None}


@pytest.mark.parametrize(
    ("verb", "names", "query", "body", "code"),
    [
        ("memory.get", {"item_id": "nine"}, (), None, "invalid.uuid_parsing"),
        ("memory.get", {"item_id": str(UUID(int=1))}, (("as_off", "x"),), None, "invalid.unknown_field"),
        ("memory.list_items", {}, (("limit", "1"), ("limit", "2")), None, "invalid.twice"),
        ("memory.list_items", {}, (("limit", "ten"),), None, "invalid.int_parsing"),
        ("memory.list_items", {}, (("scope", '{"user": "a"}'), ("user", "b")), None, "invalid.scope"),
        ("memory.list_items", {}, (), {"limit": 1}, "invalid.body"),
        ("memory.recall", {}, (("query", "x"),), {"query": "x"}, "invalid.query"),
        ("memory.recall", {}, (), ["x"], "invalid.body"),
        ("memory.recall", {}, (), {"query": "x", "user": "a", "scope": {}}, "invalid.scope"),
        ("memory.recall", {}, (), None, "invalid.missing"),
    ],
)
def test_what_does_not_fit_is_said(verb: str, names: Any, query: Any, body: Any, code: str) -> None:
    route = routes.of(verb)
    assert route is not None
    with pytest.raises(Invalid) as caught:
        wire.decode(route, names, query, body)
    assert caught.value.code == code


def test_conditions_stand_beside_the_other_fields() -> None:
    route = routes.of("memory.recall")
    assert route is not None
    there = wire.decode(route, {}, (), {"query": "where?", "user": "ada", "tags": ["trip"]})
    assert there == Search(query="where?", scope=Scope(user="ada", tags=("trip",)))


def test_an_answer_with_a_secret_shows_it() -> None:
    answer = wire.answer_of("identity.create_api_key")
    key = NewApiKey(id=uuid4(), prefix="mnk_abc", key=SecretStr("mnk_abcdef"))
    there = answer.load(answer.dump(key))
    assert there == key
    assert there.key.get_secret_value() == "mnk_abcdef"
    assert not wire.answer_of("memory.recall").secret


def test_every_verb_has_an_answer_that_can_travel() -> None:
    for route in routes.every():
        answer = wire.answer_of(route.verb)
        assert answer.nothing is (route.status == 204)
