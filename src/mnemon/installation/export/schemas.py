"""What export and import take and give, and the manifest of an export."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from mnemon.core.text import Schema

FORMAT: Literal["mnemon-organization"] = "mnemon-organization"
#: Grows when an older import could not read what a newer export writes.
FORMAT_VERSION = 1
_HASH = r"^[0-9a-f]{64}$"


class TableEntry(Schema):
    """One file of an export: the rows of a table, a JSON object a line."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    columns: tuple[str, ...]
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=_HASH)


class Organization(Schema):
    """Whose rows these are."""

    id: UUID
    slug: str
    name: str


class EmbeddingInfo(Schema):
    """The vectors: which models made them, how wide they are, and whether the export has them."""

    models: tuple[str, ...]
    dimensions: int
    included: bool


class Trail(Schema):
    """The audit trail's chain as it was verified when it was exported.

    Attributes:
        broken: what is wrong with entries and blocks, by their hashes alone: an import must find as much.
        unsigned: what was wrong beside that, by the signatures of the installation that exported it.
        missing_before: entries before it had gone by retention; None: none had.
    """

    blocks: int
    broken: int
    head: str | None
    unsigned: int = 0
    missing_before: datetime | None = None


class Manifest(Schema):
    """What an export has; the last thing that is written of it, so an export without one is not whole.

    Attributes:
        product: the version of Mnemon that wrote it.
        schema_revision: of the database; an import needs the same one.
        compression: of the files; hashes and sizes are of what is inside.
        sha256: over all other fields, as JSON with sorted keys and without spaces.
    """

    format: Literal["mnemon-organization"] = FORMAT
    format_version: int = FORMAT_VERSION
    product: str
    schema_revision: str
    exported_at: datetime
    organization: Organization
    embedding: EmbeddingInfo
    audit: Trail
    compression: Literal["none", "gzip"]
    tables: tuple[TableEntry, ...]
    left_out: dict[str, str]
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def bytes(self) -> int:
        """Bytes of all tables, not compressed."""
        return sum(table.bytes for table in self.tables)

    def sealed(self) -> Manifest:
        """Return the same with its hash."""
        return self.model_copy(update={"sha256": digest_of(self.model_dump(mode="json"))})


def digest_of(manifest: dict[str, Any]) -> str:
    """Return the hash of a manifest: of everything in it but the hash."""
    kept = {name: value for name, value in manifest.items() if name != "sha256"}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class ExportOrganization(Schema):
    """Where to, and how.

    Attributes:
        path: a new directory; a name that ends in ``.tar`` makes one file.
        compress: with gzip, each file by itself.
        vectors: with the embeddings; without them, an import computes them again.
    """

    path: Path
    compress: bool = False
    vectors: bool = True


class ImportOrganization(Schema):
    """Where from, and how.

    Attributes:
        path: the directory or the ``.tar`` of an export.
        slug: import a copy of this name under a new id, with new ids of people; None keeps name and ids.
        vectors: False leaves the embeddings out; they are computed again.
        drop_taken_emails: leave out e-mail addresses that somebody in the installation has already.
        model: the embedder of the installation; vectors of another one are refused.
        sha256: what the manifest's hash has to be, if it was written down.
    """

    path: Path
    slug: str | None = None
    vectors: bool = True
    drop_taken_emails: bool = False
    model: str | None = None
    sha256: str | None = None


class Imported(Schema):
    """What an import has made.

    Attributes:
        rows: imported rows, a table each; tables without any are not named.
        emails_dropped: people who lost an address that was taken.
        to_embed: rows that wait for a vector.
        left_out: tables of the export that were not imported.
    """

    organization_id: UUID
    slug: str
    sha256: str
    rows: dict[str, int]
    emails_dropped: int
    to_embed: int
    left_out: tuple[str, ...]
