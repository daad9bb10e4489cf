"""Which import a file goes on with: the one that read the same content before, all of it, and no other.

A format that is written once has the digest of its whole content. A file to which lines are appended goes on with the
import whose mark (a length, and the digest of all bytes up to there) is one of its own; of several, with the furthest.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mnemon.adapters.importers import Import, Mark
from mnemon.adapters.sinks import Sink
from mnemon.conversations.schemas import Checkpoint
from mnemon.core.ids import digest, new_id

_READ = "read"


async def place_of(sink: Sink, source: Import, options: Mapping[str, Any]) -> Checkpoint:
    """Return how far the import of a file has come; a new place where nobody has begun with it.

    Args:
        sink: where it goes, and what was imported there.
        source: the file, as it was opened.
        options: what it is read with: read in another way it is another import. None and empty values count nothing.

    Raises:
        Invalid: the file cannot be read.
    """
    fingerprint = await asyncio.to_thread(lambda: source.fingerprint)
    settings = {name: value for name, value in options.items() if value and name != "zone"}
    if settings:
        fingerprint = digest(fingerprint, json.dumps(settings, sort_keys=True, default=str))
    name = f"{source.format}:{fingerprint}"
    candidates = await sink.checkpoints(name)
    if source.mark() is None:
        return next((each for each in candidates if each.source == name), Checkpoint(source=name))
    if source.total_bytes is None:
        return Checkpoint(source=name)  # a pipe is read from its beginning; what is there is not stored twice
    marks = {each.source: mark for each in candidates if (mark := _mark(each)) is not None}
    same = await asyncio.to_thread(source.marks, {mark.bytes for mark in marks.values()})
    matches = [each for each in candidates if marks.get(each.source) in same]
    new = Checkpoint(source=f"{name}:{new_id().hex}")
    return max(matches, key=lambda one: marks[one.source].bytes, default=new)


def place_after(position: dict[str, Any], mark: Mark | None) -> dict[str, Any]:
    """Return a place as a checkpoint keeps it: the reader's own, and what was read up to there."""
    return position if mark is None else {**position, _READ: asdict(mark)}


def reader_place(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the reader's own place."""
    return {key: value for key, value in checkpoint.position.items() if key != _READ}


def read_nothing(checkpoint: Checkpoint) -> bool:
    """Tell whether an import has come to its end without a record that could be read: to go on is to say nothing."""
    return checkpoint.finished_at is not None and not checkpoint.imported and not checkpoint.skipped


def _mark(checkpoint: Checkpoint) -> Mark | None:
    read = checkpoint.position.get(_READ)
    if not isinstance(read, dict) or not isinstance(read.get("bytes"), int):
        return None
    return Mark(read["bytes"], str(read.get("digest")))
