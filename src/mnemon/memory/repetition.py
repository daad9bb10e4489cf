"""Exact repetition: what is said again strengthens the memory that says it already.

A memory is repeated by one with the same text (in compatibility form, with single spaces; case counts), the same owner,
type and place, and the same labels, that is true at the same time and has no id of its source's own. What a message
says stays as it was said.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.conversations.parts import Part
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.params import Params
from mnemon.db.sql import statement
from mnemon.db.types import dump_json
from mnemon.memory.columns import MEMORIES
from mnemon.memory.models import FORM
from mnemon.memory.schemas import NewMemory
from mnemon.memory.visibility import visible

PACKAGE = "mnemon.memory"

#: Locks that an organisation's repetitions share: few, for a batch takes one for each of its texts.
_LOCKS = 64
#: As in the database's ``FORM``: what is left of white space in NFKC.
_SPACES = re.compile("[ \\t\\n\\v\\f\\r\\u0085\\u2028\\u2029]+")


def form(text: str) -> str:
    """Return a text as it is compared with others."""
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip(" ")


def alike(item: NewMemory, part: Part | None = None) -> tuple[Any, ...]:
    """Return what two memories of one batch have in common if one repeats the other; of a split text, its first part.

    Texts that are split repeat each other letter by letter.
    """
    return (
        part.text if part is not None else form(item.content),
        part is None,
        *(item.user, item.agent, item.team, item.conversation, item.memory_type),
        *(item.category, item.title, item.subject, frozenset(item.tags), json.dumps(item.metadata, sort_keys=True)),
        *(item.at, item.valid_until, item.expires_at),
    )


async def hold(connection: Connection, items: Collection[NewMemory]) -> None:
    """Wait until nobody else remembers the same texts in this organisation, until the transaction ends."""
    numbers = {zlib.crc32(form(item.content).encode(errors="replace")) % _LOCKS for item in items}
    names = [f"repetition {number}" for number in sorted(numbers)]  # in one order: nobody waits for each other
    await connection.fetch("SELECT lock_tenant(name) FROM unnest($1::text[]) AS name", names)


async def known(
    connection: Connection,
    principal: Principal,
    items: Sequence[NewMemory],
    parts: Sequence[Part | None],
    owners: Mapping[str, Sequence[UUID | None]],
    now: datetime,
) -> dict[int, UUID]:
    """Return the memories that are repeated, by the place of what repeats them; of split texts the first parts."""
    params = Params(principal.organization_id)
    params.add([item.content for item in items], "text[]")
    for name in ("user_id", "agent_id", "team_id", "conversation_id"):
        params.add(owners[name], "uuid[]")
    for name in ("memory_type", "category", "title", "subject"):
        params.add([getattr(item, name) for item in items], "text[]")
    params.add([dump_json(sorted(set(item.tags))) for item in items], "text[]")
    params.add([dump_json(item.metadata) for item in items], "text[]")
    for name in ("at", "valid_until", "expires_at"):
        params.add([getattr(item, name) for item in items], "timestamptz[]")
    params.add(now, "timestamptz")
    params.add([None if part is None else part.count for part in parts], "int[]")
    params.add([None if part is None else part.text for part in parts], "text[]")
    filled = {**statement_parts(), "seen": visible(principal, "memory", params)}
    rows = await connection.fetch(statement(PACKAGE, "repetitions", **filled), *params.values)
    return {row["place"] - 1: row["id"] for row in rows}


def statement_parts() -> dict[str, str]:
    """Return what ``repetitions`` is filled with, besides who looks."""
    forms = {name: FORM.replace("content", f"{alias}.content") for name, alias in (("new", "n"), ("old", "t"))}
    return {**forms, "alive": MEMORIES.alive}


async def confirm(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> None:
    """Note that memories were said again; an id listed twice was said twice."""
    times = Counter(ids)
    ordered = sorted(times)
    await connection.execute(statement(PACKAGE, "confirm"), organization_id, ordered, [times[one] for one in ordered])
