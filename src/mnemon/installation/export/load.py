"""Import: an export into this installation, in one transaction of the schema's owner, under row-level security."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from mnemon.core.errors import Conflict, Forbidden, Invalid, MnemonError, Unavailable
from mnemon.core.ids import new_id
from mnemon.core.installation import InstallationKey
from mnemon.core.settings import load_settings
from mnemon.core.slugs import check_slug
from mnemon.db.address import parse_address
from mnemon.db.engine import OWNER_PATH, SESSION_SETTINGS, engine_options, look_after
from mnemon.db.errors import translated
from mnemon.db.tenant import SET_TENANT_KEEPING_PLANS
from mnemon.installation.export.archive import Archive, opened
from mnemon.installation.export.errors import damaged
from mnemon.installation.export.rules import CLEARED, SEALED, SESSIONS
from mnemon.installation.export.schemas import Imported, ImportOrganization, Manifest
from mnemon.installation.export.tables import (
    COPY_OPTIONS,
    NUMBERS,
    PEOPLE,
    SETTINGS,
    STAGE,
    ExportTable,
    facts,
    read_tables,
)
from mnemon.operations.trail import verify
from mnemon.operations.trail.sealing import Signer

#: Bytes of lines that become rows by one statement; a table that refers to itself is written by one, however large.
BATCH = 16 << 20
#: Tables of which all lines are staged before a row is made: a batch of them would not do.
WHOLE = frozenset({"organizations", "users", "conversation_sessions"})

_OWNER = "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = 'organizations'::regclass"
_OWNER_URL = "DATABASE_OWNER_URL"


async def verify_export(path: Path) -> Manifest:
    """Read an export to its end; nothing else is needed for it, no database and no key.

    Raises:
        Invalid: it is not what was exported.
    """

    def read() -> Manifest:
        with opened(path) as archive:
            archive.verify()
            return archive.manifest

    return await asyncio.to_thread(read)


async def import_organization(
    url: str, request: ImportOrganization, installation: InstallationKey | None = None, *, setting: str = _OWNER_URL
) -> Imported:
    """Bring an organisation in, with the ids it had, or as a copy with others.

    Everything is checked before a row is written, and again as it is written. One transaction: what fails or is killed
    has left nothing, and the next try begins anew. Others are not held up, but for the sealing of audit trails, which
    waits for the oldest transaction.

    Args:
        url: as the role that owns the schema, or a superuser, who then acts as that role.
        setting: the variable that it came from, to be named in errors.
        request: where from, and how.
        installation: the key of this installation, which signs the trail that arrives; None: that of the settings.

    Raises:
        Invalid: the export is damaged, or does not fit this database.
        Conflict: the organisation, its name, or one of its people's ids or addresses is here already.
        Forbidden: the role may not do it.
        Unavailable: there is no installation key.
    """
    if request.slug is not None:
        check_slug(request.slug)
    key = installation or InstallationKey.of(load_settings())
    if key is None:
        raise Unavailable(
            "Whoever brings in an organisation signs its audit trail, and there is no installation key.",
            code="unavailable.installation_key",
            hint="Set MNEMON_INSTALLATION_KEY to the key of this installation.",
        )
    with opened(request.path) as archive:
        _check_asked(archive.manifest, request)
        await asyncio.to_thread(archive.verify)
        async with _owner(url, setting) as connection, connection.transaction():
            return await _Import(connection, archive, request, Signer(key)).run()


def _check_asked(manifest: Manifest, request: ImportOrganization) -> None:
    if request.sha256 is not None and request.sha256.lower() != manifest.sha256:
        raise damaged("This is not the export that was asked for: its hash is another.", found=manifest.sha256)
    if manifest.organization.id.int == 0:  # the name of the installation itself, in its trail and its jobs
        raise damaged("The organisation has an id that none can have.", "invalid.export_organization")
    others = [model for model in manifest.embedding.models if request.model is not None and model != request.model]
    if others and manifest.embedding.included and request.vectors:
        raise Invalid(
            f"The vectors are of {', '.join(others)[:200]}; this installation uses {request.model}.",
            code="invalid.export_model",
            hint="Leave them out with --without-vectors: they are computed again.",
        )


@asynccontextmanager
async def _owner(url: str, setting: str) -> AsyncIterator[Any]:
    """Connect as the owner."""
    settings = {**SESSION_SETTINGS, "application_name": "mnemon import", "plan_cache_mode": "auto"} | OWNER_PATH
    address = parse_address(url, setting)
    engine = create_async_engine(poolclass=NullPool, **engine_options(address, timeout=20, server_settings=settings))
    look_after(engine)
    try:
        with translated():
            pooled = await engine.raw_connection()
            try:
                yield pooled.driver_connection
            finally:
                pooled.invalidate()
    finally:
        await engine.dispose()


class _Import:
    """One import, in the transaction that the caller began."""

    def __init__(self, connection: Any, archive: Archive, request: ImportOrganization, signer: Signer) -> None:
        self.connection = connection
        self.signer = signer
        self.archive = archive
        self.manifest = archive.manifest
        self.request = request
        self.renamed = request.slug is not None
        self.organization = new_id() if self.renamed else self.manifest.organization.id
        self.slug = request.slug or self.manifest.organization.slug
        self.vectors = request.vectors and self.manifest.embedding.included
        self.dropped = 0

    async def run(self) -> Imported:
        await self._begin()
        tables = await read_tables(self.connection)
        await self._check_fits(tables)
        await self.connection.execute(
            # Not compressed: a line is read once, a moment later.
            f"CREATE TEMP TABLE {STAGE} (line json NOT NULL) WITH (toast_tuple_target = 8160) ON COMMIT DROP; "
            f"ALTER TABLE {STAGE} ALTER COLUMN line SET STORAGE EXTERNAL; "
            f"CREATE TEMP TABLE {PEOPLE} (old uuid PRIMARY KEY, new uuid NOT NULL) ON COMMIT DROP; "
            f"CREATE TEMP TABLE {NUMBERS} (old bigint PRIMARY KEY, new bigint NOT NULL) ON COMMIT DROP"
        )
        left_out = sorted(SEALED) if self.renamed else []
        rows = {table.name: await self._table(table) for table in tables if table.name not in left_out}
        await self._settle()
        return Imported(
            organization_id=self.organization,
            slug=self.slug,
            sha256=self.manifest.sha256,
            rows={name: count for name, count in sorted(rows.items()) if count},
            emails_dropped=self.dropped,
            to_embed=await self._to_embed(),
            left_out=tuple(left_out),
        )

    async def _begin(self) -> None:
        """Act as the schema's owner, in the new organisation, past the triggers that would write everything twice."""
        run = self.connection
        try:
            role = await run.fetchval(_OWNER)
            await run.execute(f"SET LOCAL ROLE {_quoted(role)}")
        except asyncpg.InsufficientPrivilegeError:
            raise Forbidden(
                "Only the role that owns the schema imports an organisation.",
                code="forbidden.owner",
                hint="Set DATABASE_OWNER_URL to the role that `mnemon db upgrade` ran as.",
            ) from None
        await run.execute(SETTINGS)
        await run.fetchval(SET_TENANT_KEEPING_PLANS, self.organization, None, None, None)
        await run.execute("SET LOCAL app.importing = 'on'; SET LOCAL lock_timeout = '60s'")

    async def _check_fits(self, tables: list[ExportTable]) -> None:
        manifest = self.manifest
        revision, width = await facts(self.connection)
        if manifest.schema_revision != revision:
            raise Invalid(
                f"The export is of schema revision {manifest.schema_revision[:40]}; this database is at {revision}.",
                code="invalid.export_revision",
                hint="Bring both installations to the same version with `mnemon db upgrade`, then export again.",
                export=manifest.schema_revision,
                database=revision,
            )
        for entry in manifest.tables:
            table = next(table for table in tables if table.name == entry.name)
            if entry.columns != table.keys(vectors=manifest.embedding.included):
                raise damaged(f"{entry.name} has other columns than the schema.", "invalid.export_columns")
        if self.vectors and manifest.embedding.dimensions != width:
            raise Invalid(
                f"The vectors have {manifest.embedding.dimensions} dimensions; this database was made for {width}.",
                code="invalid.dimensions",
                hint="Leave them out with --without-vectors: they are computed again.",
                export=manifest.embedding.dimensions,
                database=width,
            )
        taken = await self.connection.fetchrow(
            "SELECT slug FROM organizations WHERE id = ANY (ARRAY[$1, "
            "(SELECT d.id FROM directory d WHERE d.digest = directory_digest('slug', $2))])",
            self.organization,
            self.slug,
        )
        if taken is not None:
            raise Conflict(
                f"The organisation {taken['slug']} is here already.",
                code="conflict.organization",
                hint="Import a copy with --as SLUG.",
            )
        if await self.connection.fetchval(
            "SELECT EXISTS (SELECT FROM audit_logs WHERE organization_id = $1)", self.organization
        ):
            raise Conflict(
                "The organisation was here and has left a trail: it was erased.",
                code="conflict.organization_erased",
                hint="Import a copy with --as SLUG, if what was erased may come back.",
            )

    async def _table(self, table: ExportTable) -> int:
        """Bring the lines of a table in; how many."""
        insert = table.insert(vectors=self.vectors, renamed=self.renamed)
        if table.name in CLEARED:
            await self.connection.execute(
                f"DELETE FROM {table.name} WHERE organization_id = $1",  # noqa: S608 - ours
                self.organization,
            )
        written = waiting = 0
        batches = self._batches(table)
        while lines := await asyncio.to_thread(next, batches, None):
            await self._stage(lines)
            waiting += len(lines)
            if table.name not in table.parents and table.name not in WHOLE:
                written += await self._insert(table, insert)
                waiting = 0
        if waiting:
            written += await self._insert(table, insert)
        expected = next(entry.rows for entry in self.manifest.tables if entry.name == table.name)
        if written != expected or (table.name == "organizations" and written != 1):
            raise damaged(f"{table.name}: {expected} rows were exported, and {written} arrived.")
        return written

    def _batches(self, table: ExportTable) -> Iterator[bytes]:
        batch = bytearray()
        for lines in self.archive.lines(table.name):
            batch += lines
            if len(batch) >= BATCH:
                yield bytes(batch)
                batch.clear()
        if batch:
            yield bytes(batch)

    async def _stage(self, lines: bytes) -> None:
        async def source() -> AsyncIterator[bytes]:
            yield lines

        with _of_the_export():
            await self.connection.copy_to_table(STAGE, source=source(), columns=["line"], **COPY_OPTIONS)

    async def _insert(self, table: ExportTable, insert: str) -> int:
        run = self.connection
        if table.name == "users":
            await self._people()
        if table.name in SESSIONS:
            await self._number(SESSIONS[table.name][1])
        with _of_the_export(also=() if table.name in {"organizations", "users"} else ("conflict.exists",)):
            status = await run.execute(insert, *table.arguments(self.organization, self.slug))
        await run.execute(f"TRUNCATE {STAGE}")
        return int(status.rpartition(" ")[2])

    async def _people(self) -> None:
        """Compare what of people is unique in the installation: their ids and their e-mail addresses."""
        run = self.connection
        with _of_the_export():
            if self.renamed:
                await run.execute(
                    f"INSERT INTO {PEOPLE} SELECT (line ->> 'id')::uuid, "  # noqa: S608
                    f"md5('{self.organization}' || (line ->> 'id'))::uuid FROM {STAGE}"
                )
            elif taken := await run.fetchval(
                f"SELECT count(*) FROM {STAGE} i JOIN users u ON u.id = (i.line ->> 'id')::uuid"  # noqa: S608
            ):
                raise Conflict(
                    f"{taken} of its people are here already, in another organisation.",
                    code="conflict.people",
                    hint="Import a copy with --as SLUG: people get other ids.",
                )
            where = "directory_digest('email', lower(i.line ->> 'email')) IN (SELECT d.digest FROM directory d)"
            taken = await run.fetchval(f"SELECT count(*) FROM {STAGE} i WHERE {where}")  # noqa: S608
        if taken and not self.request.drop_taken_emails:
            raise Conflict(
                f"{taken} of its people have an e-mail address that somebody has here already.",
                code="conflict.email",
                hint="An address signs in to one organisation. Leave those addresses out with --drop-taken-emails.",
                taken=taken,
            )
        if taken:
            await run.execute(
                f"UPDATE {STAGE} i SET line = (i.line::jsonb - 'email' || '{{\"email_verified\": false}}')::json "  # noqa: S608
                f"WHERE {where}"
            )
            self.dropped = taken

    async def _number(self, number: str) -> None:
        """Give the sessions of staged lines numbers of this installation, in the order of those they had.

        One for each that is there: whatever numbers an export has, the sequence goes on by no more than its rows.
        """
        with _of_the_export():
            await self.connection.execute(
                f"INSERT INTO {NUMBERS} SELECT s.old, nextval('session_numbers') FROM ("  # noqa: S608 - ours
                f"SELECT DISTINCT {number} AS old FROM {STAGE} i ORDER BY 1) s "
                f"WHERE s.old IS NOT NULL AND NOT EXISTS (SELECT FROM {NUMBERS} n WHERE n.old = s.old)"
            )

    async def _settle(self) -> None:
        """Settle what belongs to the installation: its trail."""
        run, own = self.connection, self.organization
        if not self.renamed:
            await self._check_trail()
        details = {
            "sha256": self.manifest.sha256,
            "organization_id": str(self.manifest.organization.id),
            "exported_at": self.manifest.exported_at.isoformat(),
            "rows": self.manifest.rows,
            "trail": self.manifest.audit.head,
            "unsigned": self.manifest.audit.unsigned,
        }
        await run.execute(
            "SELECT audit_write('organizations:import', 'organizations', ARRAY[$1::uuid], ARRAY[$1::uuid::text], "
            "ARRAY['{}'::jsonb], ARRAY['{}'::jsonb], 'success', NULL, audit_redact($2))",
            own,
            json.dumps(details),
        )

    async def _check_trail(self) -> None:
        """Check that the chain says here what it said there; entries written from now on follow it."""
        run, own = self.connection, self.organization
        earliest = await run.fetchval("SELECT min(created_at) FROM audit_logs WHERE organization_id = $1", own)
        before = self.manifest.audit.missing_before
        gone = None if before is None or earliest is None else min(before, earliest)
        # Its signatures were the other installation's. From here on it is what it was when it came.
        await self.signer.sign_imported(run, own, gone)
        # A server that counts its transactions from below the chain's begins a new era of it at once.
        await self.signer.seal(run, own, 1000)
        verification = await verify(run, own, None)
        if verification.broken != self.manifest.audit.broken:
            raise damaged(
                f"The audit trail had {self.manifest.audit.broken} broken places when it was exported, and has "
                f"{verification.broken} now.",
                "invalid.export_trail",
                problem=verification.problem,
            )

    async def _to_embed(self) -> int:
        return int(
            await self.connection.fetchval(
                "SELECT (SELECT count(*) FROM messages WHERE organization_id = $1 AND embedding_status = 'pending') "
                "+ (SELECT count(*) FROM memories WHERE organization_id = $1 AND embedding_status = 'pending')",
                self.organization,
            )
        )


@contextmanager
def _of_the_export(also: tuple[str, ...] = ()) -> Iterator[None]:
    """Blame the export for what the database refuses of its rows, and say which rule they broke.

    Not what is there already of organisations and people: another import may have been faster.
    """
    try:
        with translated():
            yield
    except MnemonError as error:
        if error.kind not in {"invalid", "not_found"} and error.code not in {"conflict.integrity", *also}:
            raise
        raise damaged(
            f"The database refuses a row of the export: {error.message}", "invalid.export_row", **error.data
        ) from error
    except (asyncpg.StatementTooComplexError, asyncpg.ProgramLimitExceededError) as error:
        raise damaged(f"The database refuses a row of the export: {error}.", "invalid.export_row") from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
