"""The table of routes: every verb has one, or its reason, and none says what its verb does not."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from uuid import UUID

import pytest

from mnemon import verbs
from mnemon.doors import routes
from mnemon.doors.routes import wire
from mnemon.doors.routes.table import Route

ROUTES = routes.every()
BY_VERB = {one.verb: one for one in ROUTES}


def test_every_verb_has_a_route_or_its_reason() -> None:
    known = {verb.name for verb in verbs.every()}
    assert len(ROUTES) == len(BY_VERB), "a verb has two routes"
    missing = known - BY_VERB.keys() - routes.ELSEWHERE.keys() - routes.EXCEPTIONS.keys()
    assert not missing, f"{sorted(missing)}: a line in src/mnemon/doors/routes/<domain>.py"
    for name, those in (("ROUTES", BY_VERB), ("ELSEWHERE", routes.ELSEWHERE), ("EXCEPTIONS", routes.EXCEPTIONS)):
        assert those.keys() <= known, f"{name}: no such verb: {sorted(those.keys() - known)}"
    assert not (BY_VERB.keys() & routes.ELSEWHERE.keys()) | (BY_VERB.keys() & routes.EXCEPTIONS.keys())
    assert len(routes.EXCEPTIONS) <= 12
    assert all(routes.EXCEPTIONS.values())


@pytest.mark.parametrize("verb", sorted(routes.ELSEWHERE))
def test_a_door_that_is_named_calls_the_verb(verb: str) -> None:
    source = inspect.getsource(importlib.import_module(routes.ELSEWHERE[verb]))
    assert re.search(rf"\b{verb.partition('.')[2]}\b", source), f"{routes.ELSEWHERE[verb]} does not call {verb}"


def test_no_two_routes_are_one() -> None:
    seen = Counter((one.method, one.shape) for one in ROUTES)
    assert not [place for place, times in seen.items() if times > 1]


def test_a_route_stands_in_its_domains_file() -> None:
    for one in ROUTES:
        module = importlib.import_module(f"mnemon.doors.routes.{one.verb.partition('.')[0]}")
        assert one in module.ROUTES


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: one.verb)
def test_a_route_fits_its_verb(route: Route) -> None:
    verb, model = verbs.find(route.verb), wire.request_of(route.verb)
    assert re.fullmatch(r"(/[a-z-]+|/\{\w+\})+", route.path), "lower case, hyphens, ids in braces"
    assert route.method in {"GET", "POST", "PATCH", "PUT", "DELETE"}
    for name in route.names:
        assert model.model_fields[name].annotation is UUID, f"{name} is no id: into the query or the body"
    assert set(route.door) <= model.model_fields.keys()
    if route.method == "GET" and verb.changes:
        assert route.verb == "operations.dashboard"  # it brings its own summary up to date
    assert (route.status == 204) is (verb.answer is type(None)), "204 where, and only where, nothing is answered"
    assert routes.of(route.verb) is route


def test_a_published_path_has_one_name_a_place() -> None:
    paths = routes.published()
    for shape in {one.shape for one in ROUTES}:
        assert len({paths[one.verb] for one in ROUTES if one.shape == shape}) == 1
    assert paths["workspace.update_task"] == paths["workspace.get_task"] == "/tasks/{task_id}"
