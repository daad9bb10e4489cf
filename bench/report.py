"""What a benchmark leaves behind: tables on the terminal and as Markdown, numbers as JSON, plots as PNG."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.machine import facts


@dataclass
class Report:
    """The results of one benchmark.

    Attributes:
        name: the benchmark; names the files.
        command: how it was started, as a reader would start it again.
        out: the directory of the files.
        numbers: everything measured, for machines.
    """

    name: str
    command: str
    out: Path
    numbers: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, object] = field(default_factory=facts)
    text: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """A sentence of the report."""
        print(line, flush=True)
        self.text += [line, ""]

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table of the report."""
        widths = [max(len(str(row[n])) for row in [columns, *rows]) for n in range(len(columns))]
        lines = [_line(columns, widths), "|" + "|".join("-" * (width + 2) for width in widths) + "|"]
        lines += [_line(row, widths) for row in rows]
        print(f"\n{title}\n\n" + "\n".join(lines) + "\n", flush=True)
        self.text += [title, "", *lines, ""]

    def plot_path(self, suffix: str = "") -> Path:
        """Where a plot goes."""
        self.out.mkdir(parents=True, exist_ok=True)
        return self.out / f"{self.name}{suffix}.png"

    def save(self) -> None:
        """Write NAME.json and NAME.md."""
        self.out.mkdir(parents=True, exist_ok=True)
        content = {"benchmark": self.name, "command": self.command, "machine": self.machine, **self.numbers}
        (self.out / f"{self.name}.json").write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")
        machine, versions = self.machine, self.machine.get("packages")
        packages = ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else ""
        head = (
            f"`{self.command}`, {str(machine['date'])[:10]}: {machine['cores']} cores ({machine['processor']}), "
            f"{machine['ram_gb']} GB, PostgreSQL {machine.get('postgresql', '-')}, "
            f"pgvector {machine.get('pgvector_extension', '-')}, Python {machine['python']}; {packages}."
        )
        (self.out / f"{self.name}.md").write_text("\n".join([head, "", *self.text]).rstrip() + "\n", encoding="utf-8")
        print(f"saved {self.out / self.name}.json, .md", flush=True)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
