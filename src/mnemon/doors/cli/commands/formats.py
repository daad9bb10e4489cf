"""import --formats, and the formats' names in the help of import: what is installed, looked up when it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from mnemon.doors.cli.state import state


class ImportCommand(TyperCommand):
    """A command whose `--format` names the formats in its help; no importer is loaded for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        from mnemon.adapters.importers.registry import formats

        for parameter in self.params:
            if parameter.name == "format_" and isinstance(parameter, TyperOption):
                parameter.help = f"Instead of finding it out: {', '.join(formats())}."
        super().format_help(ctx, formatter)


def list_formats(wanted: bool) -> None:
    """Print the formats there are and whose each one is, and end."""
    if not wanted:
        return
    from mnemon.doors.cli.output import emit

    rows = list(_rows())
    if state.json:
        emit(rows)
    else:
        _table(rows)
    raise typer.Exit


def _rows() -> Iterator[dict[str, Any]]:
    """Yield each format; of an importer that cannot be loaded, why not."""
    from mnemon.adapters.importers.registry import importers
    from mnemon.core.errors import MnemonError

    for name, importer in importers().items():
        row: dict[str, Any] = {"format": name, "from": importer.distribution, "unused": list(importer.unused)}
        try:
            kind = importer.load()
            yield row | {"title": kind.title, "description": kind.description, "problem": None}
        except MnemonError as error:
            yield row | {"title": None, "description": None, "problem": error.message}


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from mnemon.doors.cli.output import console, one_line

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("format", "from", ""):
        table.add_column(name, overflow="fold")
    for row in rows:
        text = Text(one_line(row["problem"]), "red") if row["problem"] else Text(one_line(row["description"]))
        if row["unused"]:
            text.append(one_line(f" That of {' and '.join(row['unused'])} is not used."), "yellow")
        table.add_row(Text(row["format"], "bold"), Text(one_line(row["from"])), text)
    console().print(table)
