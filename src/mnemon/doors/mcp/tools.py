"""The ten tools: each one task of an agent, done by the library's methods."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Annotated, Any, ParamSpec

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import Field

from mnemon._version import __version__
from mnemon.core import times
from mnemon.core.errors import MnemonError
from mnemon.doors.library.asynchronous import AsyncMemory
from mnemon.doors.mcp import answers
from mnemon.doors.mcp.answers import Answer
from mnemon.doors.mcp.budget import cost, fitted

P = ParamSpec("P")

MemoryOf = Callable[[Context[Any, Any]], AsyncMemory]

User = Annotated[str | None, Field(description="Whose memory: a name or id of yours for the person.")]
Agent = Annotated[str | None, Field(description="The agent that keeps it or took part.")]
Conversation = Annotated[str | None, Field(description="The conversation, by a name of yours.")]
Budget = Annotated[int, Field(ge=100, le=100_000, description="Tokens that the answer may have.")]
Hits = Annotated[int, Field(ge=1, le=100, description="How many at most.")]
AsOf = Annotated[str | None, Field(description="Only what was known at this moment (ISO 8601).")]
ValidAt = Annotated[str | None, Field(description="Only what was true at this moment (ISO 8601).")]
Since = Annotated[str | None, Field(description="Said or true from this moment on (ISO 8601).")]
Until = Annotated[str | None, Field(description="Said or true before this moment (ISO 8601).")]
Tags = Annotated[list[str] | None, Field(description="Labels; all of them.")]
Cursor = Annotated[str | None, Field(description="`next_cursor` of the answer before.")]
Reason = Annotated[str | None, Field(description="Why, for whoever reads the history.")]


@dataclass(frozen=True)
class Defaults:
    """Whose memory it is where a tool is not told."""

    user: str | None = None
    agent: str | None = None


def _said(tool: Callable[P, Coroutine[Any, Any, CallToolResult]]) -> Callable[P, Coroutine[Any, Any, CallToolResult]]:
    """Have a tool's errors told to the model, with what to do about them."""

    @wraps(tool)
    async def call(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            return await tool(*args, **kwargs)
        except MnemonError as error:
            raise ToolError(f"{error} ({error.code})") from error

    return call


class Tools:
    """The tools of a server.

    Args:
        memory_of: gives the memory of whoever calls.
        defaults: whose memory it is where a tool is not told.
    """

    def __init__(self, memory_of: MemoryOf, defaults: Defaults) -> None:
        self._memory_of = memory_of
        self._defaults = defaults

    def _given(self, **conditions: Any) -> dict[str, Any]:
        """Return the conditions that were given, the defaults among them."""
        for name in ("user", "agent"):
            if name in conditions and not conditions[name]:
                conditions[name] = getattr(self._defaults, name)
        return {name: value for name, value in conditions.items() if value not in (None, "", [])}

    @_said
    async def remember(
        self,
        ctx: Context[Any, Any],
        content: Annotated[str, Field(description="What to remember, in a sentence that can be understood alone.")],
        user: User = None,
        agent: Agent = None,
        conversation: Conversation = None,
        speaker: Annotated[str | None, Field(description="Who said it, by name.")] = None,
        at: Annotated[str | None, Field(description="When it was said or true (ISO 8601); now, if left out.")] = None,
        tags: Tags = None,
        importance: Annotated[int | None, Field(ge=1, le=10, description="1 to 10; 5 is usual.")] = None,
    ) -> Annotated[CallToolResult, answers.Remembered]:
        """Remember something: a fact about somebody, a decision, what was said. Kept once, however often it is told."""
        memory = self._memory_of(ctx)
        fields = self._given(
            user=user, agent=agent, conversation=conversation, speaker=speaker, at=at, tags=tags, importance=importance
        )
        written = await memory.remember(content, split=True, **fields)
        answer = answers.Remembered(ids=[str(id_) for id_ in written.ids], created=written.created)
        return await _result(memory, answer, user=fields.get("user"))

    @_said
    async def recall(
        self,
        ctx: Context[Any, Any],
        query: Annotated[str, Field(description="A question, or what was just said.")],
        user: User = None,
        agent: Agent = None,
        conversation: Annotated[str | None, Field(description="The conversation that is going on.")] = None,
        k: Hits = 10,
        token_budget: Budget = 2000,
        as_of: AsOf = None,
    ) -> Annotated[CallToolResult, answers.Memories]:
        """Recall what to bear in mind before answering: what fits, is recent, important or connected, best first."""
        memory = self._memory_of(ctx)
        scope = self._given(user=user, agent=agent, as_of=as_of)
        recalled = await memory.recall(query, k=k, token_budget=token_budget, running=conversation or None, **scope)
        entries = [answers.Memory.of_hit(hit, reasons=False) for hit in recalled.hits]
        return await self._memories(memory, entries, token_budget, recalled.left_out, user=scope.get("user"))

    @_said
    async def search(
        self,
        ctx: Context[Any, Any],
        query: Annotated[str, Field(description="A question or words.")],
        user: User = None,
        agent: Agent = None,
        conversation: Conversation = None,
        tags: Tags = None,
        since: Since = None,
        until: Until = None,
        as_of: AsOf = None,
        valid_at: ValidAt = None,
        k: Hits = 10,
        token_budget: Budget = 2000,
        reasons: Annotated[bool, Field(description="Say what each score is made of.")] = False,
    ) -> Annotated[CallToolResult, answers.Memories]:
        """Search for what matches, under conditions: who, where, when, with which labels, as of which moment."""
        memory = self._memory_of(ctx)
        scope = self._given(
            user=user,
            agent=agent,
            conversation=conversation,
            tags=tags,
            since=since,
            until=until,
            as_of=as_of,
            valid_at=valid_at,
        )
        matching = await memory.search(query, k=k, **scope)
        entries = [answers.Memory.of_hit(hit, reasons=reasons) for hit in matching.hits]
        return await self._memories(memory, entries, token_budget, 0, user=scope.get("user"))

    @_said
    async def timeline(
        self,
        ctx: Context[Any, Any],
        user: User = None,
        agent: Agent = None,
        conversation: Conversation = None,
        since: Since = None,
        until: Until = None,
        limit: Hits = 50,
        cursor: Cursor = None,
        token_budget: Budget = 2000,
    ) -> Annotated[CallToolResult, answers.Memories]:
        """List what happened, newest first: of a person, of a conversation, of a stretch of time."""
        memory = self._memory_of(ctx)
        scope = self._given(user=user, agent=agent, conversation=conversation, since=since, until=until)
        page = await memory.list(limit=limit, cursor=cursor or None, **scope)
        entries = [answers.Memory.of(item) for item in page.items]
        fitting, left_out = fitted(entries, token_budget)
        if left_out:  # the next page begins where this answer ends
            page = await memory.list(limit=len(fitting), cursor=cursor or None, **scope)
        return await self._memories(
            memory, fitting, token_budget, left_out, user=scope.get("user"), next_cursor=page.next_cursor
        )

    @_said
    async def facts_about(
        self,
        ctx: Context[Any, Any],
        subject: Annotated[str, Field(description="Of whom or what, as it was recorded.")],
        predicate: Annotated[str | None, Field(description="Only this, such as `lives in`.")] = None,
        valid_at: ValidAt = None,
        known_at: Annotated[str | None, Field(description="As known at this moment (ISO 8601).")] = None,
        token_budget: Budget = 1000,
    ) -> Annotated[CallToolResult, answers.Facts]:
        """List what is true of somebody or something, and since when; at another moment, if one is given."""
        memory = self._memory_of(ctx)
        conditions = self._given(predicate=predicate, valid_at=valid_at, known_at=known_at)
        page = await memory.facts.at(subject=subject, **conditions)
        entries = [
            answers.KnownFact(
                id=str(fact.id),
                subject=fact.subject,
                predicate=fact.predicate,
                object=fact.object,
                valid_from=fact.valid_from,
                valid_until=fact.valid_until,
                confidence=fact.confidence,
            )
            for fact in page.items
        ]
        fitting, left_out = fitted(entries, token_budget)
        return await _result(memory, answers.Facts(facts=fitting, left_out=left_out))

    @_said
    async def entity(
        self,
        ctx: Context[Any, Any],
        name: Annotated[str, Field(description="Its name or one of its other names.")],
        type: Annotated[str | None, Field(description="Such as person, place, project.")] = None,  # noqa: A002
        depth: Annotated[int, Field(ge=1, le=3, description="How far to look around.")] = 1,
        token_budget: Budget = 1000,
    ) -> Annotated[CallToolResult, answers.KnownEntity]:
        """Tell what is known of a person, place, project or thing by its name, and what it is connected with."""
        memory = self._memory_of(ctx)
        of_name = await memory.graph.find(name, **self._given(entity_type=type))
        if not of_name:
            raise ToolError(f"Nothing of the name {name!r} is known (not_found.entity). Try `search`.")
        first, *others = of_name
        near = [
            answers.Related(
                id=str(neighbour.entity_id),
                name=neighbour.name,
                type=neighbour.entity_type,
                relationship=neighbour.relationship_type,
                steps=neighbour.depth,
            )
            for neighbour in await memory.graph.neighbours(first.id, depth=depth)
        ]
        answer = answers.KnownEntity(
            id=str(first.id),
            name=first.name,
            type=first.entity_type,
            aliases=list(first.aliases),
            description=first.description,
            mentions=first.mention_count,
            others=[f"{other.entity_type} {other.id}" for other in others],
        )
        fitting, left_out = fitted(near, token_budget - cost(answer))
        return await _result(memory, answer.model_copy(update={"related": fitting, "left_out": left_out}))

    @_said
    async def correct(
        self,
        ctx: Context[Any, Any],
        id: Annotated[str, Field(description="The memory, by its id.")],  # noqa: A002
        content: Annotated[str, Field(description="What is true instead, as a whole.")],
        reason: Reason = None,
    ) -> Annotated[CallToolResult, answers.Corrected]:
        """Correct a memory that is wrong: the new text takes its place, and what was believed stays on record."""
        memory = self._memory_of(ctx)
        item = await memory.update(id, content, **self._given(reason=reason))
        return await _result(memory, answers.Corrected(id=str(item.id), replaced=id, content=item.content))

    @_said
    async def forget(
        self,
        ctx: Context[Any, Any],
        ids: Annotated[list[str], Field(min_length=1, max_length=100, description="What to forget, by its ids.")],
        reason: Reason = None,
    ) -> Annotated[CallToolResult, answers.Forgotten]:
        """Forget memories: they are not found any more. An administrator can still see them as of an earlier moment."""
        memory = self._memory_of(ctx)
        done = await memory.forget(ids, reason=reason or None)
        return await _result(memory, answers.Forgotten(count=done.count))

    @_said
    async def list_conversations(
        self,
        ctx: Context[Any, Any],
        limit: Hits = 20,
        cursor: Cursor = None,
        token_budget: Budget = 1000,
    ) -> Annotated[CallToolResult, answers.Talks]:
        """List conversations, the latest talk first."""
        memory = self._memory_of(ctx)
        page = await memory.conversations.list(limit=limit, cursor=cursor or None)
        entries = [
            answers.Talk(
                name=talk.external_id or str(talk.id),
                title=talk.title,
                messages=talk.message_count,
                last_message_at=talk.last_message_at,
                summary=talk.summary,
            )
            for talk in page.items
        ]
        fitting, left_out = fitted(entries, token_budget)
        return await _result(
            memory, answers.Talks(conversations=fitting, left_out=left_out, next_cursor=page.next_cursor)
        )

    @_said
    async def status(self, ctx: Context[Any, Any]) -> Annotated[CallToolResult, answers.Status]:
        """Tell whether the memory answers, what time it is there, and whose memory it is where a tool is not told."""
        memory = self._memory_of(ctx)
        newest = (await memory.list(limit=1, **self._given(user=None, agent=None))).items
        zone = await memory.zone(self._defaults.user)
        answer = answers.Status(
            version=__version__,
            now=datetime.now(UTC),
            timezone=times.name_of(zone),
            user=self._defaults.user,
            agent=self._defaults.agent,
            last=newest[0].at if newest else None,
        )
        return await _result(memory, answer, user=self._defaults.user)

    async def _memories(
        self,
        memory: AsyncMemory,
        entries: list[answers.Memory],
        budget: int,
        beside: int,
        *,
        user: str | None = None,
        next_cursor: str | None = None,
    ) -> CallToolResult:
        """Return as many memories as there is room for."""
        fitting, left_out = fitted(entries, budget)
        answer = answers.Memories(memories=fitting, left_out=left_out + beside, next_cursor=next_cursor)
        return await _result(memory, answer.model_copy(update={"tokens": cost(answer)}), user=user)


async def _result(memory: AsyncMemory, answer: Answer, *, user: str | None = None) -> CallToolResult:
    """Return an answer as text for the model, with times as the person has them, and as JSON for programs."""
    lines = answer.lines(await memory.zone(user))
    if left_out := getattr(answer, "left_out", 0):
        lines.append(f"({left_out} more had no room: raise token_budget, or ask for less.)")
    if cursor := getattr(answer, "next_cursor", None):
        lines.append(f"(There is more: cursor={cursor})")
    return CallToolResult(
        content=[TextContent(type="text", text="\n".join(lines))],
        structured_content=answer.model_dump(mode="json", exclude_none=True),
    )
