"""From a path to an import in its format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mnemon.adapters.importers import foreign
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.detect import detect
from mnemon.adapters.importers.records import Position
from mnemon.adapters.importers.registry import find


def open_import(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word that doors and users use for it
    conversation: str | None = None,
    start: Position | None = None,
    columns: Mapping[str, str] | None = None,
) -> Import:
    """Open a file, or ``Path("-")`` for standard input, to read what was said in it.

    Args:
        path: the file; for some formats also the directory of an unpacked export.
        format: one of :func:`formats`; found out from the file when left out.
        conversation: for ``jsonl``: the conversation of records that name none, instead of the file's stem.
        start: the position of the last record that was stored; reading goes on after it.
        columns: for ``jsonl``: which key holds ``text``, ``at``, ``speaker``, ``role``, ``conversation``,
            ``session``, ``id``, ``tags`` or ``metadata``, where it is none of the usual ones.

    Raises:
        NotFound: nothing is there.
        Invalid: it cannot be read as that format, or as any; or an option has no meaning for it.
        Unavailable: the format's importer cannot be loaded.
    """
    importer = find(format or detect(path))
    options: Options = {"start": start, "conversation": conversation, "columns": columns}
    if importer.is_ours:
        return importer.load()(path, **options)
    return foreign.opened(importer, path, **options)
