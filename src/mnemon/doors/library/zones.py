"""By which zone a caller's times are read: a text without one is in that of the person it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mnemon.conversations.schemas import NewMessage
from mnemon.core import times
from mnemon.core.text import LABEL_LIMIT, check_characters, moments_of, trimmed
from mnemon.memory.schemas import NewMemory, Scope, Search, Update

TIMES = frozenset[str]().union(*map(moments_of, (NewMessage, NewMemory, Scope, Search, Update)))


def person_of(fields: Mapping[str, Any], times_of: frozenset[str] = frozenset()) -> str | None:
    """Return who decides by which zone these fields are read: their user, if one of their times is a text without.

    Args:
        fields: what was given, by name.
        times_of: fields that are times, beside those of messages, memories and questions.
    """
    user = fields.get("user")
    try:
        user = trimmed(check_characters(user)) if isinstance(user, str) else ""
    except ValueError:
        return None  # what is wrong with it, the request says
    if not 0 < len(user) <= LABEL_LIMIT:
        return None
    for name in (TIMES | times_of).intersection(fields):
        if isinstance(fields[name], str) and not times.has_zone(fields[name]):
            return user
    return None


def people_of(many: Iterable[Any], defaults: Mapping[str, Any]) -> set[str]:
    """Return those who decide by which zone items are read that are about to be remembered."""
    own = [one for one in many if isinstance(one, Mapping) and ("user" in one or "user" in defaults)]
    people = {person_of({**defaults, **one}) for one in own} | {person_of(defaults)}
    return {person for person in people if person is not None}
