"""organization: out of this installation into files, and out of files into this installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.doors.cli.session import OpenedMemory
    from mnemon.installation.export import Imported, Manifest

app = typer.Typer(no_args_is_help=True, help="An organisation as files: export, verify, import, embed.")

_PATH = typer.Argument(metavar="PATH", help="The directory, or a file whose name ends in .tar.", show_default=False)
_WITHOUT = typer.Option("--without-vectors", help="Leave the vectors out; an import computes them again.")


@app.command("export")
def export_organization(
    path: Annotated[Path, _PATH],
    compress: Annotated[bool, typer.Option("--gzip", help="Compress each file.")] = False,
    without_vectors: Annotated[bool, _WITHOUT] = False,
) -> None:
    """Write everything the organisation of -o owns, as of one moment, to a path that is not there yet."""
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation.export import ExportOrganization
    from mnemon.installation.export import export_organization as save

    request = ExportOrganization(path=path, compress=compress, vectors=not without_vectors)
    with session() as opened, working("Exporting"):
        manifest = opened.run(save(opened.run(opened.memory.open()), request))
    if state.json:
        emit({"path": path.absolute()} | manifest.model_dump(mode="json"))
    elif not state.quiet:
        _print(manifest, path)


@app.command()
def verify(path: Annotated[Path, _PATH]) -> None:
    """Read an export to its end and compare its hashes; needs no database."""
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation.export import verify_export

    with working("Reading"):
        manifest = run(verify_export(path))
    if state.json:
        emit(manifest.model_dump(mode="json"))
    elif not state.quiet:
        _print(manifest, path)


@app.command("import")
def import_organization(
    path: Annotated[Path, _PATH],
    slug: Annotated[
        str | None,
        typer.Option("--as", metavar="SLUG", help="Import a copy of this name: a new id, new ids of people, no trail."),
    ] = None,
    without_vectors: Annotated[bool, _WITHOUT] = False,
    drop_taken_emails: Annotated[
        bool,
        typer.Option("--drop-taken-emails", help="Leave out e-mail addresses that somebody here has already."),
    ] = False,
    sha256: Annotated[
        str | None, typer.Option(metavar="HASH", help="Refuse another export than the one with this hash.")
    ] = None,
) -> None:
    """Bring an organisation in, in one transaction: DATABASE_OWNER_URL, else the embedded server."""
    from mnemon.ai.registry import configured_embedder
    from mnemon.app import installation_key
    from mnemon.db.address import EMBEDDED
    from mnemon.doors.cli.database import owner
    from mnemon.doors.cli.output import emit, working
    from mnemon.installation.export import ImportOrganization
    from mnemon.installation.export import import_organization as load

    configured = settings()
    request = ImportOrganization(
        path=path,
        slug=slug,
        vectors=not without_vectors,
        drop_taken_emails=drop_taken_emails,
        model=configured_embedder(configured).name,
        sha256=sha256,
    )
    with working("Importing"), owner(configured, fresh=True) as (url, own):
        imported = run(load(url, request, installation_key(configured), setting=own or EMBEDDED))
    with session(organization=imported.slug) as opened:
        embedded = _embed(opened)
    if state.json:
        emit(imported.model_dump(mode="json") | {"embedded": embedded})
    elif not state.quiet:
        _told(imported, embedded)


@app.command()
def embed() -> None:
    """Compute vectors that are missing in the organisation of -o; goes on where an interrupted import stopped."""
    from mnemon.doors.cli.output import emit

    with session() as opened:
        embedded = _embed(opened)
    if state.json:
        emit({"embedded": embedded})
    elif not state.quiet:
        typer.echo(f"Computed: {embedded:,} vectors.")


def _embed(opened: OpenedMemory) -> int:
    """Write the vectors, and then the indexes and the planner's statistics."""
    from mnemon.doors.cli.indexing import index
    from mnemon.doors.cli.output import working
    from mnemon.installation.export import embed_waiting

    with working("Computing vectors"):
        embedded = opened.run(embed_waiting(opened.run(opened.memory.open())))
    index(opened)
    return embedded


def _print(manifest: Manifest, path: Path) -> None:
    from rich.table import Table

    from mnemon.doors.cli.output import console

    table = Table("Table", "Rows", "Bytes", box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for entry in manifest.tables:
        if entry.rows:
            table.add_row(entry.name, f"{entry.rows:,}", f"{entry.bytes:,}")
    whose = manifest.organization
    typer.echo(f"{whose.slug} ({whose.id}) as of {manifest.exported_at:%Y-%m-%d %H:%M:%S %Z}")
    console().print(table)
    typer.echo(f"{manifest.rows:,} rows, {manifest.bytes:,} bytes, schema {manifest.schema_revision}: {path}")
    typer.echo(f"SHA-256 of the manifest: {manifest.sha256}")


def _told(done: Imported, embedded: int) -> None:
    typer.echo(f"Imported {done.slug} ({done.organization_id}): {sum(done.rows.values()):,} rows.")
    if done.emails_dropped:
        typer.echo(f"Left out: {done.emails_dropped} e-mail addresses that are taken.")
    if done.left_out:
        typer.echo(f"Left out: {', '.join(done.left_out)}; the audit trail begins anew.")
    if embedded:
        typer.echo(f"Computed: {embedded:,} vectors.")
    typer.echo("People set new passwords; API keys, connections and webhooks are set up and switched on again.")
