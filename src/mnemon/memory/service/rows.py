"""Memories on their way into the table: what is there already is found, the rest is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.parts import columns, earlier_id, firsts, is_first
from mnemon.conversations.service import Names
from mnemon.core.errors import Conflict, Forbidden
from mnemon.core.ids import new_id
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.memory import repetition, repository
from mnemon.memory.models import MemoryType
from mnemon.memory.schemas import NewMemory
from mnemon.memory.service.preparing import Prepared


def require_own(principal: Principal, item: NewMemory, names: Names) -> None:
    """Let nobody leave a memory in another's private keeping: only they would read it, and take it for their own."""
    if principal.is_organization:
        return
    user, agent = names.users.get(item.user or ""), names.agents.get(item.agent or "")
    if (item.memory_type is MemoryType.AGENT_PRIVATE and agent != principal.agent_id) or (
        item.memory_type is MemoryType.USER_PROFILE and user != principal.user_id
    ):
        raise Forbidden(
            f"A memory of the type {item.memory_type} is kept by whom it belongs to.",
            code="forbidden.owner",
            field="agent" if item.memory_type is MemoryType.AGENT_PRIVATE else "user",
        )


class Rows:
    """Memories on their way into the table: each gets an id, its own or that of the row its source brought before.

    Args:
        prepared: what is remembered.
        places: which of it are memories.
        names: ids of who is named.
        now: when those are true that do not say it.
    """

    def __init__(self, prepared: Prepared, places: Sequence[int], names: Names, now: datetime) -> None:
        self.items = [item for item in prepared.items if isinstance(item, NewMemory)]
        self.parts = [prepared.parts[n] for n in places]
        self.vectors = [prepared.vectors[n] for n in places]
        self.codes = [prepared.languages[n] for n in places]
        self.names = names
        self.now = now
        self.own = [new_id() for _ in self.items]
        self.ids = list(self.own)

    def written(self) -> list[conversations.WrittenMessage]:
        """Return the id of each, and whether it is new."""
        return [
            conversations.WrittenMessage(found, created=found == own)
            for found, own in zip(self.ids, self.own, strict=True)
        ]

    async def write(self, ctx: Context, connection: Connection, *, dedupe: bool) -> None:
        """Write what is not there yet and confirm what is."""
        organization = ctx.principal.organization_id
        first = firsts(self.parts)
        conversations_named = {item.conversation for item in self.items if item.conversation}
        places = (
            await conversations.ensure_places(connection, ctx.principal, sorted(conversations_named))
            if conversations_named
            else {}
        )
        known_ids = await self._sources(connection, organization)
        repeatable = [n for n in first if self.items[n].source_id is None] if dedupe else []
        repeated = await self._repeated(ctx, connection, repeatable, places)
        for n in first:
            item = self.items[n]
            if item.source_id:
                self.ids[n] = known_ids.setdefault((item.source, item.source_id), self.own[n])
            elif dedupe:
                self.ids[n] = repeated.setdefault(repetition.alike(item, self.parts[n]), self.own[n])
        self._parts_follow()
        new = [n for n, own in enumerate(self.own) if self.ids[n] == own]
        said_again = [self.ids[n] for n in repeatable if self.ids[n] != self.own[n]]
        if new:
            await self._add(ctx, connection, new, places)
        if said_again:
            await repetition.confirm(connection, organization, said_again)

    def _parts_follow(self) -> None:
        """Leave the parts of a text out where it was there before."""
        for n, part in enumerate(self.parts):
            if part is not None and part.number > 1 and self.ids[n - 1] != self.own[n - 1]:
                self.ids[n] = self.ids[n - 1]

    async def _sources(self, connection: Connection, organization: UUID) -> dict[tuple[str, str], UUID]:
        """Return the memories that the same sources brought before, by source and its id."""
        pairs = {}
        for n in firsts(self.parts):
            source, name = self.items[n].source, self.items[n].source_id
            if name:
                pairs[source, name] = (source, name)
                if is_first(self.parts[n]):
                    pairs[source, earlier_id(name)] = (source, name)
        stored = await repository.known_sources(connection, organization, pairs) if pairs else {}
        return {pairs[pair]: memory_id for pair, memory_id in stored.items()}

    async def _repeated(
        self, ctx: Context, connection: Connection, which: Sequence[int], places: Mapping[str, UUID]
    ) -> dict[tuple[Any, ...], UUID]:
        """Return the memories that are there word for word; nobody else writes the same ones until the end."""
        if not which:
            return {}
        items, parts = [self.items[n] for n in which], [self.parts[n] for n in which]
        await repetition.hold(connection, items)
        owners = self._found(which, places)
        repeated = await repetition.known(connection, ctx.principal, items, parts, owners, self.now)
        return {repetition.alike(items[n], parts[n]): memory_id for n, memory_id in repeated.items()}

    async def _add(self, ctx: Context, connection: Connection, new: Sequence[int], places: Mapping[str, UUID]) -> None:
        """Write the new ones.

        Raises:
            Conflict: of a text some parts were there and others were not (``conflict.exists``).
        """
        organization = ctx.principal.organization_id
        columns_found = {
            "id": [self.ids[n] for n in new],
            "embedding": [self.vectors[n] for n in new],
            "language": [self.codes[n] for n in new],
            **columns([self.parts[n] for n in new], [self.ids[n] for n in new]),
            **self._found(new, places),
        }
        created = await repository.add_memories(
            connection, organization, [self.items[n] for n in new], columns_found, model=ctx.embedder.name
        )
        if len(created) == len(new):
            return
        # Another writer brought the same source in between: answer with its rows.
        known_ids = await self._sources(connection, organization)
        for n in new:
            item = self.items[n]
            if self.ids[n] not in created and item.source_id and (self.parts[n] is None or is_first(self.parts[n])):
                self.ids[n] = known_ids[item.source, item.source_id]
        self._parts_follow()
        if any((self.ids[n] == self.own[n]) != (self.own[n] in created) for n in new):
            raise Conflict(
                "Some parts of a text are there already, under the same source and id, and others are not.",
                code="conflict.exists",
                hint="Give the text another source_id.",
                field="source_id",
            )

    def _found(self, new: Sequence[int], places: Mapping[str, UUID]) -> dict[str, Sequence[Any]]:
        """Return what is found of some of the memories, by column: whom and what they name, and when they are true."""
        items, names = [self.items[n] for n in new], self.names
        return {
            "user_id": [names.users.get(item.user or "") for item in items],
            "team_id": [names.teams.get(item.team or "") for item in items],
            "agent_id": [names.agents.get(item.agent or "") for item in items],
            "conversation_id": [places.get(item.conversation or "") for item in items],
            "occurred_at": [item.at or self.now for item in items],
        }
