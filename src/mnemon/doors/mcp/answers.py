"""What the tools answer: their structured output, of which a text for the model is made."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mnemon.core import times
from mnemon.memory.schemas import Hit, Item

Score = Annotated[float, Field(description="How well it fits, compared with the other hits.")]
LeftOut = Annotated[int, Field(description="How many more there were that the token budget had no room for.")]
Cursor = Annotated[str | None, Field(description="Give it back as `cursor` for more; null: that was all.")]


class Answer(BaseModel):
    """An answer, as JSON: fields that are empty are left out."""

    model_config = ConfigDict(frozen=True)

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as lines for a model, with its times in a zone."""
        raise NotImplementedError(type(self).__name__)


class Memory(Answer):
    """Something that was said or is kept."""

    id: str
    at: Annotated[datetime, Field(description="When it was said or true.")]
    who: Annotated[str | None, Field(description="Who said it, or whose it is.")] = None
    conversation: str | None = None
    content: str
    is_cut: Annotated[bool, Field(description="The content is its beginning: read mnemon://memory/{id} for all.")] = (
        False
    )
    score: Score | None = None
    why: Annotated[dict[str, float] | None, Field(description="What the score is made of.")] = None

    @classmethod
    def of(cls, item: Item, **more: Any) -> Memory:
        """Return a message or a memory."""
        who = item.speaker or item.user
        return cls(id=str(item.id), at=item.at, who=who, conversation=item.conversation, content=item.content, **more)

    @classmethod
    def of_hit(cls, hit: Hit, *, reasons: bool) -> Memory:
        """Return a hit, with its reasons if they are wanted."""
        why = {name: round(part.share, 3) for name, part in hit.why.match.items() if part.share} if reasons else None
        return cls.of(hit.item, score=round(hit.score, 4), why=why)

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line: its id, when, who, what."""
        who = f"{self.who}: " if self.who else ""
        cut = " ..." if self.is_cut else ""
        return [f"[{self.id}] {times.written(self.at, zone)[:16]} {who}{self.content}{cut}"]


class Memories(Answer):
    """What was found or listed."""

    memories: list[Memory]
    tokens: Annotated[int, Field(description="Estimated tokens of this answer.")] = 0
    left_out: LeftOut = 0
    next_cursor: Cursor = None

    def lines(self, zone: tzinfo) -> list[str]:
        """Return a line for each."""
        return [line for one in self.memories for line in one.lines(zone)] or ["Nothing is known of it."]


class Remembered(Answer):
    """What became of something to remember."""

    ids: list[str]
    created: Annotated[int, Field(description="How many are new; the others were there already.")]

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        return [f"Remembered as {', '.join(self.ids)}." if self.created else f"It was known: {', '.join(self.ids)}."]


class KnownFact(Answer):
    """A fact and its time."""

    id: str
    subject: str
    predicate: str
    object: str
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    confidence: float = 1.0

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        since = f" since {times.written(self.valid_from, zone)[:16]}" if self.valid_from else ""
        until = f" until {times.written(self.valid_until, zone)[:16]}" if self.valid_until else ""
        return [f"[{self.id}] {self.subject} {self.predicate} {self.object}{since}{until}"]


class Facts(Answer):
    """What is true of a subject."""

    facts: list[KnownFact]
    tokens: int = 0
    left_out: LeftOut = 0

    def lines(self, zone: tzinfo) -> list[str]:
        """Return a line for each."""
        return [line for one in self.facts for line in one.lines(zone)] or ["No fact is known of it."]


class Related(Answer):
    """An entity near another one."""

    id: str
    name: str
    type: str
    relationship: str
    steps: Annotated[int, Field(description="How many relationships away.")]

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        return [f"- {self.relationship}: {self.name} ({self.type}, {self.steps} away)"]


class KnownEntity(Answer):
    """Somebody or something that is talked about."""

    id: str
    name: str
    type: str
    aliases: list[str] = []
    description: str | None = None
    mentions: int = 0
    related: list[Related] = []
    others: Annotated[list[str], Field(description="Others of the name: their type and id.")] = []
    left_out: LeftOut = 0

    def lines(self, zone: tzinfo) -> list[str]:
        """Return what it is, and a line for each that is near."""
        also = f", also {', '.join(self.aliases)}" if self.aliases else ""
        first = f"{self.name} ({self.type}{also}), mentioned {self.mentions} times. {self.description or ''}".rstrip()
        others = [f"Others of the name: {', '.join(self.others)}"] if self.others else []
        return [first, *(line for one in self.related for line in one.lines(zone)), *others]


class Corrected(Answer):
    """A memory that was corrected."""

    id: Annotated[str, Field(description="The id it has now.")]
    replaced: Annotated[str, Field(description="The id it had: what was known before is still there under it.")]
    content: str

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        return [f"Corrected: {self.id} takes the place of {self.replaced}."]


class Forgotten(Answer):
    """How much was forgotten."""

    count: int

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        return [f"Forgotten: {self.count}."]


class Talk(Answer):
    """A conversation."""

    name: Annotated[str, Field(description="Give it as `conversation` to the other tools.")]
    title: str | None = None
    messages: int
    last_message_at: datetime | None = None
    summary: str | None = None

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        last = f", last {times.written(self.last_message_at, zone)[:16]}" if self.last_message_at else ""
        title = f" ({self.title})" if self.title and self.title != self.name else ""
        return [f"{self.name}{title}: {self.messages} messages{last}"]


class Talks(Answer):
    """Conversations, the latest talk first."""

    conversations: list[Talk]
    left_out: LeftOut = 0
    next_cursor: Cursor = None

    def lines(self, zone: tzinfo) -> list[str]:
        """Return a line for each."""
        return [line for one in self.conversations for line in one.lines(zone)] or ["There is no conversation."]


class Status(Answer):
    """How the memory is."""

    version: str
    now: datetime
    timezone: str
    user: Annotated[str | None, Field(description="Whose memory it is where a tool is not told.")] = None
    agent: str | None = None
    last: Annotated[datetime | None, Field(description="When the newest of what is remembered was said.")] = None

    def lines(self, zone: tzinfo) -> list[str]:
        """Return it as one line."""
        last = (
            f"the newest memory is of {times.written(self.last, zone)[:16]}" if self.last else "nothing is remembered"
        )
        return [f"Mnemon {self.version} answers; {last}. It is {times.written(self.now, zone)} ({self.timezone})."]
