"""What the library says of arguments that are of no kind it takes."""

from __future__ import annotations

from datetime import date, datetime
from os import PathLike
from typing import Any, NoReturn
from uuid import UUID

from mnemon.core.errors import Invalid
from mnemon.core.pieces import SPLIT_OVER
from mnemon.core.settings import Settings

_BYTES = (bytes, bytearray, memoryview)


def kind_of(value: object) -> str:
    """Return what a value is, in a word."""
    return "None" if value is None else type(value).__name__


def cannot_be_remembered(value: object, place: int | None = None) -> Invalid:
    """Return the error for what is neither a text nor the fields of one.

    Args:
        value: what was given.
        place: which of several it is.
    """
    hint = "Give a text, a mapping of fields, a message or memory, or several of them."
    if isinstance(value, _BYTES):
        hint = "Decode them first: content.decode('utf-8')."
    elif isinstance(value, PathLike):
        hint = "Give its text, path.read_text(encoding='utf-8'), or bring the file in with import_file(path)."
    elif hasattr(value, "__aiter__"):
        hint = "Collect it first: [one async for one in it]."
    elif isinstance(value, datetime | date | int | float | UUID):
        hint = "Give a text that says what it means; a time goes to at=, a number to metadata=."
    which = "" if place is None else f"Item {place}: "
    return Invalid(f"{which}{kind_of(value)} cannot be remembered.", code="invalid.type", field="content", hint=hint)


def refuse_pieces(content: object) -> None:
    """Refuse what Python can go through, and whose pieces are nothing that anybody said.

    Raises:
        Invalid: it is bytes, or a path.
    """
    if isinstance(content, (*_BYTES, PathLike)) or content is None:
        raise cannot_be_remembered(content)


def mapping(name: str, value: Any) -> dict[str, Any] | None:
    """Return an argument that is a JSON object; None where it was not given.

    Raises:
        Invalid: it is something else.
    """
    if value is None:
        return None
    if not hasattr(value, "keys") or not hasattr(value, "__getitem__"):
        _refuse(name, value, "a mapping such as {'room': 'kitchen'}")
    return dict(value)


def labels(name: str, value: Any) -> Any:
    """Return tags as the schemas take them; None where they were not given.

    Raises:
        Invalid: it is no text and no collection of texts.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (*_BYTES, dict)) or not hasattr(value, "__iter__"):
        _refuse(name, value, "a text or several of them")
    return tuple(value)


def not_a_number(name: str, value: Any) -> Any:
    """Return an argument that may be a time; None where it was not given.

    Raises:
        Invalid: it is a number or bytes, which schemas would take for seconds.
    """
    if isinstance(value, (bool, int, float, *_BYTES)):
        _refuse(name, value, "a datetime, or a text such as 2026-03-01T12:00:00+01:00")
    return value


def text(name: str, value: Any, *, missing: bool = False) -> None:
    """Refuse an argument that is no text; None too, where it may not be missing.

    Raises:
        Invalid: it is something else.
    """
    if (missing or value is not None) and not isinstance(value, str):
        _refuse(name, value, "a text")


def subjects(user: Any, conversation: Any, organization: Any) -> None:
    """Refuse what names nothing that can be erased; ``organization`` names none, it is all of this one.

    Raises:
        Invalid: one of them is of another type.
    """
    for name, value in (("user", user), ("conversation", conversation)):
        if value is not None and not isinstance(value, str | UUID):
            _refuse(name, value, "a text or a UUID")
    if not isinstance(organization, bool):
        _refuse("organization", organization, "True for all of this organisation")


def count(name: str, value: Any) -> None:
    """Refuse an argument that is given and no number of rows.

    Raises:
        Invalid: it is something else.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        _refuse(name, value, "a whole number from 1")


def settings(value: Any) -> None:
    """Refuse what is given in place of settings.

    Raises:
        Invalid: it is something else.
    """
    if value is not None and not isinstance(value, Settings):
        raise Invalid(
            f"settings is a Settings, not {kind_of(value)}.",
            code="invalid.type",
            field="settings",
            hint="Give single settings by name: Memory(database_url=...), Memory(data_dir=...).",
        )


def path(name: str, value: Any) -> None:
    """Refuse an argument that names no file.

    Raises:
        Invalid: it is neither a text nor a path.
    """
    if not isinstance(value, str | PathLike) or not isinstance(getattr(value, "__fspath__", lambda: "")(), str):
        _refuse(name, value, "a text or a pathlib.Path")
    if "\0" in str(value):
        raise Invalid(f"{name}: the path has a NUL character.", code="invalid.characters", field=name)


def split_over(split: Any) -> int | None:
    """Return from how many characters on a text is kept in parts; None: it is not.

    Raises:
        Invalid: it is neither True nor False.
    """
    if not isinstance(split, bool):
        _refuse("split", split, "True or False")
    return SPLIT_OVER if split else None


def several(name: str, value: Any, wanted: str) -> list[Any]:
    """Return what several values are given as, as a list.

    Raises:
        Invalid: it is nothing that has several.
    """
    if isinstance(value, (*_BYTES, dict)) or not hasattr(value, "__iter__"):
        _refuse(name, value, wanted)
    return list(value)


def uuid(value: UUID | str, name: str = "id") -> UUID:
    """Return an id.

    Raises:
        Invalid: it is none.
    """
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, AttributeError, TypeError):
        which = "" if name == "id" else f"{name}: "
        raise Invalid(
            f"{which}An id is a UUID, such as remember returns.",
            code="invalid.id",
            field=name,
            hint="Pass it unchanged.",
        ) from None


def texts(**values: Any) -> None:
    """Refuse what is given and no text, by its name.

    Raises:
        Invalid: it is something else.
    """
    for name, value in values.items():
        text(name, value)


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    raise Invalid(f"{name} is {wanted}, not {kind_of(value)}.", code="invalid.type", field=name)
