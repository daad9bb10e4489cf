"""Importers of others: what they raise and what they yield is held to what holds for Mnemon's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Unpack, get_args

from mnemon.adapters.importers import limits
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.jsonstream import DamagedJson
from mnemon.adapters.importers.records import (
    Anchor,
    Broken,
    Position,
    Record,
    Role,
    Utterance,
    character_problem,
    excerpt,
    text_problem,
)
from mnemon.adapters.importers.registry import Importer
from mnemon.adapters.importers.sample import Certainty, Sample
from mnemon.core.errors import Invalid, MnemonError

_LABELS = ("conversation", "conversation_title", "speaker", "session", "source_id")
_REASON = 500
_MAX_FINGERPRINT = 200


def asked(importer: Importer, kind: type[Import], sample: Sample) -> tuple[Certainty, str | None]:
    """Ask an importer of somebody else's about a file: how sure it is, and which document of an archive has its keys.

    Raises:
        Invalid: it failed.
    """
    try:
        document = kind.document(sample)
        return Certainty(kind.recognises(sample)), document if document in sample.names else None
    except Exception as error:
        raise failed(importer, f"failed at {sample.path}", error) from error


def opened(importer: Importer, path: Path, **given: Unpack[Options]) -> Import:
    """Open a file with an importer of somebody else's.

    Raises:
        MnemonError: what the importer says itself.
        Unavailable: it cannot be loaded.
        Invalid: it failed.
    """
    kind = importer.load()
    try:
        opened_importer = kind(path, **given)
        fingerprint, places = (
            opened_importer.fingerprint,
            (opened_importer.bytes_read, opened_importer.total_bytes or 0),
        )
    except MnemonError:
        raise
    except Exception as error:
        raise failed(importer, f"failed at {path}", error) from error
    if not isinstance(fingerprint, str) or not 0 < len(fingerprint) <= _MAX_FINGERPRINT:
        raise failed(importer, f"gave a fingerprint that is not a text of 1 to {_MAX_FINGERPRINT} characters")
    if not all(isinstance(number, int) for number in places):
        raise failed(importer, "gave a number of bytes that is not one")
    opened_importer.reader = partial(_checked, importer, opened_importer.records)
    return opened_importer


def failed(importer: Importer, what: str, error: Exception | None = None) -> Invalid:
    """Return the error of an importer that has a mistake in it."""
    why = f": {excerpt(repr(error), 200)}" if error else ""
    return Invalid(
        f"The importer `{importer.name}` of {importer.distribution} {what}{why}.",
        code="invalid.import.importer",
        hint="Tell its authors. What was read before is stored and stays.",
        format=importer.name,
        distribution=importer.distribution,
    )


def _checked(importer: Importer, read: Callable[[Anchor], Iterator[Record]], anchor: Anchor) -> Iterator[Record]:
    """Yield the records; with those as broken that Mnemon's own importers would have found to be so.

    Raises:
        Invalid: the importer failed, or yielded what is no record.
    """
    last = Position(file="", entry=anchor.entry)
    try:
        for record in read(anchor):
            seen = _seen(importer, record)
            last = seen.position
            yield seen
    except DamagedJson as error:
        yield Broken(
            Position(last.file, last.entry + 1, None, last.offset, last.anchor, last.skip + 1), _short(str(error))
        )
    except (MnemonError, GeneratorExit):
        raise
    except Exception as error:
        raise failed(importer, f"failed after record {last.entry}", error) from error


def _seen(importer: Importer, record: object) -> Record:
    if not isinstance(record, Utterance | Broken) or not isinstance(record.position, Position):
        raise failed(importer, f"yielded {excerpt(repr(type(record)))}, which is neither Utterance nor Broken")
    if isinstance(record, Broken):
        return Broken(record.position, _short(record.reason), _short(record.excerpt))
    # Whatever it says: ids are unique in a source, and it has no say in those of others.
    record.source = importer.name
    if problem := _problem(record):
        return Broken(record.position, problem, excerpt(str(record.text)))
    return record


def _short(text: object) -> str:
    return excerpt(str(text), _REASON)


def _problem(record: Utterance) -> str | None:
    """Return what keeps an utterance from being one, as the end of a sentence; or None."""
    if not isinstance(record.text, str):
        return "the text is not a text"
    if problem := text_problem(record.text):
        return problem
    for name in _LABELS:
        value = getattr(record, name)
        if value is None and name not in ("conversation", "source_id"):
            continue
        if not isinstance(value, str) or not value or len(value) > limits.MAX_NAME:
            return f"`{name}` is not a text of 1 to {limits.MAX_NAME:,} characters"
    if record.at is not None and (not isinstance(record.at, datetime) or record.at.tzinfo is None):
        return "`at` is not a time with a zone"
    if record.role not in get_args(Role):
        return f"`role` is none of {', '.join(get_args(Role))}"
    labels = [getattr(record, name) for name in _LABELS]
    return _values_problem(record.metadata) or character_problem(
        [record.text, labels, record.tags, record.metadata], "the text"
    )


def _values_problem(metadata: object) -> str | None:
    """Return what about metadata is not JSON, or goes deeper or further than a file may; or None."""
    if not isinstance(metadata, dict):
        return "`metadata` is not a dictionary"
    count = 0
    stack: list[tuple[Any, int]] = [(metadata, 1)]
    while stack:
        value, depth = stack.pop()
        inner: list[Any] = list(value.values()) if isinstance(value, dict) else list(value)
        count += len(inner)
        if depth > limits.MAX_DEPTH or count > limits.MAX_VALUES:
            return f"`metadata` is deeper than {limits.MAX_DEPTH} or has more than {limits.MAX_VALUES:,} values"
        if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
            return "`metadata` has a key that is not a text"
        for inner_value in inner:
            if isinstance(inner_value, dict | list | tuple):
                stack.append((inner_value, depth + 1))
            elif not (inner_value is None or isinstance(inner_value, str | int | float)) or (
                isinstance(inner_value, float) and not math.isfinite(inner_value)
            ):
                return f"`metadata` has {excerpt(repr(inner_value), 40)}, which is not JSON"
    return None
