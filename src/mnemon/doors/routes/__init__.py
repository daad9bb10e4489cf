"""The table of routes: how each verb is called over HTTP, for the server, its clients and its description alike.

Plain data, a file a domain. :mod:`mnemon.doors.routes.wire` turns a call into a method, a path, a query and a body, and
back. Nothing here knows a framework.
"""

from __future__ import annotations

from functools import cache

from mnemon.doors.routes import (
    agents,
    conversations,
    graph,
    identity,
    installation,
    integrations,
    jobs,
    knowledge,
    memory,
    operations,
    workflow,
    workspace,
)
from mnemon.doors.routes.exceptions import ELSEWHERE as ELSEWHERE
from mnemon.doors.routes.exceptions import EXCEPTIONS as EXCEPTIONS
from mnemon.doors.routes.table import Route as Route

_DOMAINS = (
    agents,
    conversations,
    graph,
    identity,
    installation,
    integrations,
    jobs,
    knowledge,
    memory,
    operations,
    workflow,
    workspace,
)


@cache
def every() -> tuple[Route, ...]:
    """Return every route, those without names in their path first: ``/facts/history`` before ``/facts/{id}``."""
    return tuple(sorted((one for domain in _DOMAINS for one in domain.ROUTES), key=lambda one: len(one.names)))


@cache
def _by_verb() -> dict[str, Route]:
    return {one.verb: one for one in every()}


def of(verb: str) -> Route | None:
    """Return the route of a verb, by its name (``domain.function``); None where HTTP does not offer it."""
    return _by_verb().get(verb)


@cache
def published() -> dict[str, str]:
    """Return the path of each verb as it is published: one name a place, whatever each verb calls the id there.

    ``/tasks/{task_id}`` and ``/tasks/{id}`` are one path to whoever reads it; the longest name is the plainest.
    """
    paths: dict[str, str] = {}
    for route in every():
        longest = paths.setdefault(route.shape, route.path)
        if len(route.path) > len(longest):
            paths[route.shape] = route.path
    return {route.verb: paths[route.shape] for route in every()}
