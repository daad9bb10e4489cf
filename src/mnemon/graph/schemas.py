"""What goes into the graph and what comes out: the same for every door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import JsonObject, Label, Label50, Moment, Schema, check_characters

SourceType = Literal["memory", "message", "email", "file"]


def _plain(value: Any) -> Any:
    """Put one space where there is any: a line break makes no other name."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _unique(value: Any) -> Any:
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        return value
    return tuple({one.lower(): one for one in reversed(value)}.values())[::-1]


Name = Annotated[Label, BeforeValidator(_plain)]
Kind = Annotated[Label50, BeforeValidator(_plain)]
Text = Annotated[str, StringConstraints(max_length=50_000), AfterValidator(check_characters)]
Aliases = Annotated[tuple[Name, ...], BeforeValidator(_unique), Field(max_length=100)]


class EnsureEntity(Schema):
    """Somebody or something that is talked about: found if it is known by this name, made if not.

    Attributes:
        entity_type: a free label such as person, organization, project, location.
        user_id: whose knowledge it is; None: the whole organisation's.
        aliases: other names, added to those it has.
        seen_at: when it was talked about; now, if not given.
    """

    entity_type: Kind
    name: Name
    user_id: UUID | None = None
    aliases: Aliases = ()
    description: Text | None = None
    metadata: JsonObject = Field(default_factory=dict)
    seen_at: Moment | None = None


class UpdateEntity(Schema):
    """A change to an entity; what is not given stays."""

    id: UUID
    name: Name | None = None
    entity_type: Kind | None = None
    aliases: Aliases | None = None
    description: Text | None = None
    metadata: JsonObject | None = None
    expected_version: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _says_something(self) -> UpdateEntity:
        if not self.model_dump(exclude={"id", "expected_version"}, exclude_none=True):
            raise PydanticCustomError("no_change", "nothing is to be changed")
        return self


class FindEntity(Schema):
    """A look-up by name or alias, in any case of letters.

    Attributes:
        user_id: whose; entities of the whole organisation are found as well, after the person's own.
    """

    name: Name
    entity_type: Kind | None = None
    user_id: UUID | None = None
    limit: int = Field(default=10, ge=1, le=100)


class Entity(Schema):
    """An entity, as it is read."""

    id: UUID
    user_id: UUID | None
    entity_type: str
    name: str
    aliases: tuple[str, ...]
    description: str | None
    metadata: dict[str, Any]
    mention_count: int
    first_seen_at: datetime
    last_seen_at: datetime
    version: int


class Ensured(Schema):
    """An entity, and whether it is new."""

    entity: Entity
    created: bool


class Relate(Schema):
    """How one entity relates to another; said again, it changes the strength and the context.

    Attributes:
        strength: 0 to 1.
    """

    source_entity_id: UUID
    target_entity_id: UUID
    relationship_type: Kind
    strength: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)
    context: Text | None = None

    @model_validator(mode="after")
    def _two(self) -> Relate:
        if self.source_entity_id == self.target_entity_id:
            raise PydanticCustomError("target_entity_id", "an entity does not relate to itself")
        return self


class Relationship(Schema):
    """A relationship, as it is read."""

    id: UUID
    source_entity_id: UUID
    target_entity_id: UUID
    relationship_type: str
    strength: float
    context: str | None
    version: int


class NewMention(Schema):
    """One place where an entity is mentioned.

    Attributes:
        position: characters before it in the source.
    """

    entity_id: UUID
    source_type: SourceType
    source_id: UUID
    context: Text | None = None
    position: int | None = Field(default=None, ge=0, le=2**31 - 1)


class Mention(Schema):
    """Places where entities are mentioned; a place that is known already is not counted again."""

    mentions: Annotated[tuple[NewMention, ...], Field(min_length=1, max_length=10_000)]
    at: Moment | None = None


class StoredMention(Schema):
    """A mention, as it is read."""

    id: UUID
    entity_id: UUID
    source_type: SourceType
    source_id: UUID
    context: str | None
    position: int | None
    created_at: datetime


class ListMentions(PageRequest):
    """Which mentions to list, newest first: of an entity, or in a source."""

    entity_id: UUID | None = None
    source_type: SourceType | None = None
    source_id: UUID | None = None

    @model_validator(mode="after")
    def _of_something(self) -> ListMentions:
        if (self.source_type is None) != (self.source_id is None):
            raise PydanticCustomError("source_id", "give source_type and source_id together")
        if self.entity_id is None and self.source_id is None:
            raise PydanticCustomError("entity_id", "give an entity or a source")
        return self


class MergeEntities(Schema):
    """Two entities that turned out to be one.

    Attributes:
        source_id: the one that ends; its names become aliases of the other.
        target_id: the one that stays.
    """

    source_id: UUID
    target_id: UUID

    @model_validator(mode="after")
    def _two(self) -> MergeEntities:
        if self.source_id == self.target_id:
            raise PydanticCustomError("target_id", "an entity is not merged into itself")
        return self


class Neighbours(Schema):
    """Which entities are near: at most ``depth`` relationships away, in either direction."""

    entity_id: UUID
    depth: int = Field(default=1, ge=1, le=3)
    limit: Limit = 100


class Neighbour(Schema):
    """An entity that is near, and the strongest relationship that leads to it from one step nearer.

    Attributes:
        depth: how many relationships away, at the least.
        via_entity_id: the entity one step nearer.
        outgoing: the relationship goes from there to here.
    """

    entity_id: UUID
    entity_type: str
    name: str
    depth: int
    via_entity_id: UUID
    relationship_type: str
    strength: float
    outgoing: bool


class Count(Schema):
    """How many rows something was done to."""

    count: int
