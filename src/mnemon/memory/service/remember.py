"""remember: messages and memories, one or thousands, embedded outside the transaction and written in one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mnemon.agents import service as agents
from mnemon.ai import languages
from mnemon.ai.embedders import LocalEmbedder
from mnemon.context import Context
from mnemon.conversations import service as conversations
from mnemon.conversations.schemas import NewMessage
from mnemon.conversations.service import Names
from mnemon.core.errors import Conflict, Forbidden, NotFound
from mnemon.core.ids import new_id
from mnemon.core.principal import Principal
from mnemon.db.connection import Connection
from mnemon.db.types import encode_vectors
from mnemon.identity import service as identity
from mnemon.memory import repetition, repository
from mnemon.memory.models import MemoryType
from mnemon.memory.schemas import NewMemory, Remember, Remembered
from mnemon.verbs import verb

Item = NewMessage | NewMemory

_MOMENTARY = {"conflict.retry", "conflict.exists", "not_found.reference"}

#: Texts that the built-in embedder turns into vectors faster than a thread could be woken.
_AT_ONCE = 8


@verb("memories:write")
async def remember(ctx: Context, request: Remember) -> Remembered:
    """Remember messages and memories: all of them, or none.

    Idempotent where items have a source id: the same source and id is stored once, and its id is returned again. A
    memory that is there word for word, of the same owner and type, is confirmed and its id returned.

    Raises:
        Invalid: an item breaks a rule (named by the schema before anything is sent).
        NotFound: a team that is named does not exist, or a conversation is not this principal's to see.
        Forbidden: a team is not the principal's, or a memory would be kept for somebody else alone.
        Unavailable: the embedder or the database cannot be reached; nothing was kept.
    """
    return await write(ctx, await prepare(ctx, request))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with its embeddings: all that can be done before the database is needed."""

    request: Remember
    vectors: Sequence[Any]
    languages: Sequence[str | None]
    drafts: conversations.Drafts


async def prepare(ctx: Context, request: Remember) -> Prepared:
    """Embed what is to be remembered; an import prepares its next batch while the present one is written."""
    ctx.principal.require("memories:write")
    vectors = encode_vectors(await embed(ctx, [item.content for item in request.items]))
    codes = await _languages(ctx, request.items)
    places = [n for n, item in enumerate(request.items) if isinstance(item, NewMessage)]
    messages = [item for item in request.items if isinstance(item, NewMessage)]
    parts = [vectors[n] for n in places], [codes[n] for n in places]
    if len(messages) <= _AT_ONCE:
        drafts = conversations.draft(messages, *parts)
    else:
        drafts = await asyncio.to_thread(conversations.draft, messages, *parts)
    return Prepared(request, vectors, codes, drafts)


async def _languages(ctx: Context, items: Sequence[Item]) -> list[str | None]:
    """Return what each item is written in: as it says, or as its text shows, or as its conversation was before."""
    places = [n for n, item in enumerate(items) if item.language is None]
    codes = [item.language for item in items]
    if not places:
        return codes
    texts = [items[n].content for n in places]
    talks = [items[n].conversation if isinstance(items[n], NewMessage) else None for n in places]
    key = (ctx.principal.organization_id, "language")
    of_talks: dict[Hashable, str] = {
        talk: code for talk in set(talks) if talk is not None and (code := ctx.cache.get((*key, talk))) is not None
    }
    before = dict(of_talks)
    if len(texts) <= _AT_ONCE and all(map(languages.at_a_glance, texts)):
        detected = languages.detect(texts, talks, of_talks)
    else:
        detected = await asyncio.to_thread(languages.detect, texts, talks, of_talks)
    for talk, code in of_talks.items():
        if before.get(talk) != code:
            ctx.cache.put((*key, talk), code)
    for n, code in zip(places, detected, strict=True):
        codes[n] = code
    return codes


async def write(ctx: Context, prepared: Prepared) -> Remembered:
    """Write what was prepared, in one transaction.

    Raises:
        As :func:`remember`.
    """
    for attempt in (1, 2):
        try:
            return await _write(ctx, prepared, again=attempt > 1)
        except (Conflict, NotFound) as error:
            # Somebody made or removed the same names, or brought the same source, at the same moment, or a name was
            # believed from the cache that is gone: a second look settles it.
            if attempt == 2 or error.code not in _MOMENTARY:
                raise
            ctx.cache.clear()
    raise AssertionError("unreachable")


async def embed(ctx: Context, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return vectors of texts; no database session is held meanwhile."""
    embedder = ctx.embedder
    if len(texts) <= _AT_ONCE and embedder.local and isinstance(embedder, LocalEmbedder):
        return embedder.embed_now(texts)
    return await embedder.embed(texts)


async def _write(ctx: Context, prepared: Prepared, *, again: bool) -> Remembered:
    organization = ctx.principal.organization_id
    request, encoded, codes = prepared.request, prepared.vectors, prepared.languages
    message_places = [n for n, item in enumerate(request.items) if isinstance(item, NewMessage)]
    memories = [(n, item) for n, item in enumerate(request.items) if isinstance(item, NewMemory)]
    now = ctx.clock.now()
    ids: list[UUID | None] = [None] * len(request.items)
    created = 0
    # An import whose place is kept with its rows would do a lost step again; its last step waits for the disk.
    lazy = request.checkpoint is not None and request.checkpoint.finished_at is None
    async with ctx.database.transaction(ctx.principal, bulk=True, lazy=lazy) as connection:
        names = await resolve_names(ctx, connection, request.items)
        if message_places:
            written = await conversations.write_messages(
                ctx, connection, prepared.drafts, names=names, now=now, thorough=again
            )
            for n, written_id in zip(message_places, written, strict=True):
                ids[n] = written_id.id
                created += written_id.created
        if memories:
            for _, item in memories:
                _require_own(ctx.principal, item, names)
            places = [n for n, _ in memories]
            rows = _Rows(
                [item for _, item in memories], [encoded[n] for n in places], [codes[n] for n in places], names, now
            )
            created += await rows.write(ctx, connection, dedupe=request.dedupe)
            for (n, _), identifier in zip(memories, rows.ids, strict=True):
                ids[n] = identifier
        if request.checkpoint is not None:
            await conversations.save_checkpoint(connection, organization, request.checkpoint)
    return Remembered(ids=tuple(identifier for identifier in ids if identifier is not None), created=created)


async def resolve_names(ctx: Context, connection: Connection, items: Sequence[Item]) -> Names:
    """Return ids of everybody that the items name; people and agents are made on first use, teams are not."""
    organization = ctx.principal.organization_id
    users: set[str | None] = set()
    members: set[str | None] = set()
    groups: set[str | None] = set()
    for item in items:
        users.add(item.user)
        members.add(item.agent)
        groups.add(item.team)
        if isinstance(item, NewMessage):
            users.add(conversations.sender_of(item))
    ids: dict[str, dict[str, UUID]] = {}
    for kind, names, ensure in (("user", users, identity.ensure_users), ("agent", members, agents.ensure_agents)):
        asked = {name for name in names if name}
        cached = {
            name: cached_id for name in asked if (cached_id := ctx.cache.get((organization, kind, name))) is not None
        }
        added = await ensure(connection, organization, asked - cached.keys())
        ctx.learn(connection, {(organization, kind, name): cached_id for name, cached_id in added.items()})
        ids[kind] = cached | added
    teams = {slug: await identity.find_team(connection, organization, slug) for slug in sorted(filter(None, groups))}
    await agents.require_team(connection, ctx.principal, teams.values())
    return Names(users=ids["user"], agents=ids["agent"], teams=teams)


def _require_own(principal: Principal, item: NewMemory, names: Names) -> None:
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


class _Rows:
    """Memories on their way into the table: each gets an id, its own or that of the row its source brought before."""

    def __init__(
        self,
        items: Sequence[NewMemory],
        vectors: Sequence[Any],
        codes: Sequence[str | None],
        names: Names,
        now: datetime,
    ) -> None:
        self.items = items
        self.vectors = vectors
        self.codes = codes
        self.names = names
        self.now = now
        self.ids: list[UUID] = []

    async def write(self, ctx: Context, connection: Connection, *, dedupe: bool) -> int:
        """Write what is not there yet and confirm what is; returns how many were new."""
        organization = ctx.principal.organization_id
        pairs = {(item.source, item.source_id) for item in self.items if item.source_id}
        known_ids = await repository.known_sources(connection, organization, pairs) if pairs else {}
        conversations_named = {item.conversation for item in self.items if item.conversation}
        places = (
            await conversations.ensure_places(connection, ctx.principal, sorted(conversations_named))
            if conversations_named
            else {}
        )
        repeatable = [n for n, item in enumerate(self.items) if item.source_id is None] if dedupe else []
        repeated = await self._repeated(ctx, connection, repeatable, places)
        new: list[int] = []
        for index, item in enumerate(self.items):
            identifier = new_id()
            first = identifier
            if item.source_id:
                first = known_ids.setdefault((item.source, item.source_id), identifier)
            elif dedupe:
                first = repeated.setdefault(repetition.alike(item), identifier)
            self.ids.append(first)
            if first == identifier:
                new.append(index)
        written = set(new)
        said_again = [self.ids[n] for n in repeatable if n not in written]
        created = await self._add(ctx, connection, new, pairs, places) if new else 0
        if said_again:
            await repetition.confirm(connection, organization, said_again)
        return created

    async def _repeated(
        self, ctx: Context, connection: Connection, which: Sequence[int], places: Mapping[str, UUID]
    ) -> dict[tuple[Any, ...], UUID]:
        """Return the memories that are there word for word; nobody else writes the same ones until the end."""
        if not which:
            return {}
        items = [self.items[n] for n in which]
        await repetition.hold(connection, items)
        found = await repetition.known(connection, ctx.principal, items, self._found(which, places), self.now)
        return {repetition.alike(items[n]): there for n, there in found.items()}

    async def _add(
        self,
        ctx: Context,
        connection: Connection,
        new: Sequence[int],
        pairs: Collection[tuple[str, str]],
        places: Mapping[str, UUID],
    ) -> int:
        """Write the new ones; returns how many there were."""
        organization = ctx.principal.organization_id
        columns = {
            "id": [self.ids[n] for n in new],
            "embedding": [self.vectors[n] for n in new],
            "language": [self.codes[n] for n in new],
            **self._found(new, places),
        }
        created = await repository.add_memories(
            connection, organization, [self.items[n] for n in new], columns, model=ctx.embedder.name
        )
        if len(created) < len(new):
            # Another writer brought the same source in between: answer with its rows.
            known_ids = await repository.known_sources(connection, organization, pairs)
            for index, item in enumerate(self.items):
                if item.source_id:
                    self.ids[index] = known_ids[item.source, item.source_id]
        return len(created)

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
