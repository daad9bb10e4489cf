"""Distributions as an installer leaves them: a module and its metadata, in a directory that is put on the path."""

from __future__ import annotations

import textwrap
from pathlib import Path

#: A whole importer, whose parts a test replaces: the fields of its utterances, and what else is in its class.
MODULE = """
from mnemon.adapters.importers import *

class Plug(WholeFile):
    format = "{format}"
    title = "A plug-in"
    description = "Lines of a plug-in."
{body}

    def records(self, anchor):
        counter = Counter()
        for number, line in self.lines():
            fields = dict(
                text=line, at=None, speaker="ada", role="user", conversation="c", conversation_title=None, session=None,
                source="chatgpt", source_id=f"{{number}}", position=counter.next(self.file, line, line=number),
            )
            fields.update({fields})
            yield Utterance(**fields)
"""


def install(
    place: Path, distribution: str, name: str, *, body: str = "", fields: str = "{}", module: str | None = None
) -> Path:
    """Put a distribution with one importer into a directory; its module is `module`, or :data:`MODULE` with `body`."""
    package = f"plug_{distribution.replace('-', '_')}"
    source = module or MODULE.format(format=name, body=textwrap.indent(textwrap.dedent(body), "    "), fields=fields)
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{package}.py").write_text(source)
    metadata = place / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[mnemon.importers]\n{name} = {package}:Plug\n")
    return place
