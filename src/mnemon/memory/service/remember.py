"""remember: messages and memories, one or thousands, embedded outside the transaction and written in one."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
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
from mnemon.conversations.parts import Part, columns, earlier_id, firsts, in_parts, is_first
from mnemon.conversations.schemas import NewMessage
from mnemon.conversations.service import Names
from mnemon.core.errors import Conflict, Forbidden, Invalid, NotFound
from mnemon.core.ids import new_id
from mnemon.core.principal import Principal
from mnemon.core.text import CONTENT_LIMIT
from mnemon.db.connection import Connection
from mnemon.db.types import encode_vectors
from mnemon.identity import service as identity
from mnemon.memory import repetition, repository
from mnemon.memory.models import MemoryType
from mnemon.memory.schemas import NewMemory, Remember, Remembered, Update
from mnemon.verbs import verb

Item = NewMessage | NewMemory

_MOMENTARY = {"conflict.retry", "conflict.exists", "not_found.reference"}

#: Texts that the built-in embedder turns into vectors faster than a thread could be woken.
_AT_ONCE = 8
#: Characters of a text whose cutting is worth a thread.
_LONG = 100_000
SPLIT = "Give split=True (--split), and it is kept in parts that are found as one text."


@verb("memories:write")
async def remember(ctx: Context, request: Remember) -> Remembered:
    """Remember messages and memories: all of them, or none.

    Idempotent where items have a source id: the same source and id is stored once, and its id is returned again. A
    memory that is there word for word, of the same owner and type, is confirmed and its id returned. A text of more
    characters than ``split_over`` is kept in parts, under the id of the first.

    Raises:
        Invalid: an item breaks a rule (named before anything is sent), such as a long text that is not to be split.
        NotFound: a team that is named does not exist, or a conversation is not this principal's to see.
        Forbidden: a team is not the principal's, or a memory would be kept for somebody else alone.
        Unavailable: the embedder or the database cannot be reached; nothing was kept.
    """
    return await write(ctx, await prepare(ctx, request))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with its embeddings: all that can be done before the database is needed.

    Attributes:
        items: what is written: those of the request, and in place of a long text its parts.
        parts: which part of a text each of these is, None of a whole one.
    """

    request: Remember
    items: Sequence[Item]
    parts: Sequence[Part | None]
    vectors: Sequence[Any]
    languages: Sequence[str | None]
    drafts: conversations.Drafts


async def prepare(ctx: Context, request: Remember) -> Prepared:
    """Embed what is to be remembered; an import prepares its next batch while the present one is written."""
    ctx.principal.require("memories:write")
    items, parts = await _split(request)
    vectors = encode_vectors(await embed(ctx, [item.content for item in items]))
    codes = await _languages(ctx, items, parts)
    places = [n for n, item in enumerate(items) if isinstance(item, NewMessage)]
    messages = [item for item in items if isinstance(item, NewMessage)]
    beside = [vectors[n] for n in places], [codes[n] for n in places], [parts[n] for n in places]
    if len(messages) <= _AT_ONCE:
        drafts = conversations.draft(messages, *beside)
    else:
        drafts = await asyncio.to_thread(conversations.draft, messages, *beside)
    return Prepared(request, items, parts, vectors, codes, drafts)


def refuse_long(items: Iterable[Item | Update], hint: str = SPLIT) -> None:
    """Refuse texts that are too long for a row; the hint says what to do.

    Raises:
        Invalid: there is one.
    """
    for item in items:
        if item.content is not None and len(item.content) > CONTENT_LIMIT:
            raise Invalid(
                f"content: the content has {len(item.content)} characters; at most 50,000 are kept in one piece.",
                code="invalid.content_too_long",
                hint=hint,
                field="content",
            )


async def _split(request: Remember) -> tuple[Sequence[Item], list[Part | None]]:
    """Return what is written of a request, and which part of a text each of it is."""
    over = request.split_over
    if over is None:
        refuse_long(request.items)
        return request.items, [None] * len(request.items)
    longest = max((len(item.content) for item in request.items), default=0)
    if longest <= over:
        return request.items, [None] * len(request.items)
    if longest < _LONG:
        pieces = _pieces(request.items, over)
    else:
        pieces = await asyncio.to_thread(_pieces, request.items, over)
    return [item for item, _ in pieces], [part for _, part in pieces]


def _pieces(items: Sequence[Item], over: int) -> list[tuple[Item, Part | None]]:
    return [piece for item in items for piece in in_parts(item, over)]


async def _languages(ctx: Context, items: Sequence[Item], parts: Sequence[Part | None]) -> list[str | None]:
    """Return what each item is written in: as it says, or as its text shows, or as its conversation was before.

    A memory in parts is a conversation to this: a part that does not show its language has that of the others.
    """
    places = [n for n, item in enumerate(items) if item.language is None]
    codes = [item.language for item in items]
    if not places:
        return codes
    texts = [items[n].content for n in places]
    talks = [_talk(items[n], parts[n]) for n in places]
    key = (ctx.principal.organization_id, "language")
    of_talks: dict[Hashable, str] = {
        talk: code for talk in set(talks) if isinstance(talk, str) and (code := ctx.cache.get((*key, talk))) is not None
    }
    before = dict(of_talks)
    if len(texts) <= _AT_ONCE and all(map(languages.at_a_glance, texts)):
        detected = languages.detect(texts, talks, of_talks)
    else:
        detected = await asyncio.to_thread(languages.detect, texts, talks, of_talks)
    for talk, code in of_talks.items():
        if isinstance(talk, str) and before.get(talk) != code:
            ctx.cache.put((*key, talk), code)
    for n, code in zip(places, detected, strict=True):
        codes[n] = code
    return codes


def _talk(item: Item, part: Part | None) -> Hashable | None:
    if isinstance(item, NewMessage):
        return item.conversation
    return (id(part.text),) if part is not None else None


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
    request, items = prepared.request, prepared.items
    memories = [n for n, item in enumerate(items) if isinstance(item, NewMemory)]
    now = ctx.clock.now()
    written: dict[int, conversations.WrittenMessage] = {}
    # An import whose place is kept with its rows would do a lost step again; its last step waits for the disk.
    lazy = request.checkpoint is not None and request.checkpoint.finished_at is None
    async with ctx.database.transaction(ctx.principal, bulk=True, lazy=lazy) as connection:
        names = await resolve_names(ctx, connection, request.items)
        if len(memories) < len(items):
            messages = await conversations.write_messages(
                ctx, connection, prepared.drafts, names=names, now=now, thorough=again
            )
            places = [n for n, item in enumerate(items) if isinstance(item, NewMessage)]
            written |= zip(places, messages, strict=True)
        if memories:
            rows = _Rows(prepared, memories, names, now)
            for item in rows.items:
                _require_own(ctx.principal, item, names)
            await rows.write(ctx, connection, dedupe=request.dedupe)
            written |= zip(memories, rows.written(), strict=True)
        if request.checkpoint is not None:
            await conversations.save_checkpoint(connection, ctx.principal.organization_id, request.checkpoint)
    results = [written[n] for n in firsts(prepared.parts)]
    return Remembered(ids=tuple(result.id for result in results), created=sum(result.created for result in results))


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
