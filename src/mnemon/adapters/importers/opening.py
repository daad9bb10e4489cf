"""From a path to an import in its format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path

from mnemon.adapters.importers import foreign
from mnemon.adapters.importers.base import Import, Options
from mnemon.adapters.importers.detect import detect, detect_in, members
from mnemon.adapters.importers.files import is_pipe, reading
from mnemon.adapters.importers.records import Position
from mnemon.adapters.importers.registry import Importer, find
from mnemon.adapters.importers.wholefile import WholeFile
from mnemon.adapters.importers.zips import Archive


def open_import(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002 - the word that doors and users use for it
    conversation: str | None = None,
    start: Position | None = None,
    columns: Mapping[str, str] | None = None,
    zone: tzinfo | None = None,
    member: str | None = None,
    archive: Archive | None = None,
) -> Import:
    """Open a file, or ``Path("-")`` for standard input, to read what was said in it.

    Args:
        path: the file; for some formats also the directory of an unpacked export.
        format: one of :func:`formats`; found out from the file when left out.
        conversation: for ``jsonl``: the conversation of records that name none, instead of the file's stem.
        start: the position of the last record that was stored; reading goes on after it.
        columns: for ``jsonl``: which key holds ``text``, ``at``, ``speaker``, ``role``, ``conversation``,
            ``session``, ``id``, ``tags`` or ``metadata``, where it is none of the usual ones.

        zone: the zone of times that name none; UTC if it is left out.
        member: the file in a zip archive, by its name there, instead of the archive as a whole.
        archive: that archive, where it is open already, so that its list of files is not read for each; it stays open.

    Raises:
        NotFound: nothing is there.
        Invalid: it cannot be read as that format, or as any; or an option has no meaning for it.
        Unavailable: the format's importer cannot be loaded.
    """
    importer, member = _found(path, format, member, archive)
    options: Options = {"start": start, "conversation": conversation, "columns": columns, "zone": zone}
    if member is not None:
        options["member"] = member
        options["archive"] = archive
    if importer.is_ours:
        with reading(path):
            return importer.load()(path, **options)
    return foreign.opened(importer, path, **options)


def _found(path: Path, name: str | None, member: str | None, archive: Archive | None) -> tuple[Importer, str | None]:
    """Return the importer of a file, and which file of an archive it is to read, if it is one of those that do."""
    if name is None:
        name, member = detect_in(path) if member is None else (detect(path, member, archive), member)
        return find(name), member
    importer = find(name)
    if member is None and importer.is_ours and not is_pipe(path) and issubclass(kind := importer.load(), WholeFile):
        matches = members(path, kind).matches
        if len(matches) == 1:
            member = matches[0][0]
    return importer, member
