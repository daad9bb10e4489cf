"""Types that the schemas of knowledge share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from mnemon.core.text import JsonObject, Label50, Label100, Moment, check_characters
from mnemon.knowledge.models import TEXT_LIMIT


def _content(value: dict[str, Any]) -> dict[str, Any]:
    """Title and description, which search reads, are strings of at most 50,000 characters."""
    for name in ("title", "description"):
        part = value.get(name, "")
        if not isinstance(part, str):
            raise PydanticCustomError("content_format", "{name} of the content is not a string", {"name": name})
        if len(part) > TEXT_LIMIT:
            raise PydanticCustomError(
                "content_too_long", "{name} of the content has more than 50,000 characters", {"name": name}
            )
    return value


def _after_since(value: datetime | None, info: ValidationInfo) -> datetime | None:
    since = info.data.get("since")
    if value is not None and since is not None and value <= since:
        raise PydanticCustomError("window", "until is not after since")
    return value


KnowledgeContent = Annotated[JsonObject, AfterValidator(_content)]
Short = Label100
Word = Label50
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=TEXT_LIMIT), AfterValidator(check_characters)]
Version = Annotated[int, Field(ge=1)]
Milliseconds = Annotated[int, Field(ge=0, le=2_147_483_647)]
Until = Annotated[Moment | None, AfterValidator(_after_since)]
