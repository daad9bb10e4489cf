"""Where reads may go, for whoever opens a database."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from mnemon.core.errors import Conflict, MnemonError
from mnemon.core.settings import Settings, variable_of
from mnemon.core.urls import split_urls
from mnemon.db.address import parse_address
from mnemon.db.embedded import Endpoint
from mnemon.db.embedded import state as states
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.layout import PORT, Layout
from mnemon.db.embedded.sockets import is_private, socket_dir_of
from mnemon.installation.replicas import registry
from mnemon.installation.replicas.model import DATABASE, Record
from mnemon.installation.replicas.running import run_replica

logger = logging.getLogger(__name__)


def addresses(settings: Settings, data_dir: Path | None, role: str) -> list[tuple[str, str]]:
    """Return a name and a URL of each replica that reads may go to.

    Args:
        settings: ``database_replica_urls`` for a server of the user's own.
        data_dir: of the embedded server, None where the database is none.
        role: the application's, for the embedded server.

    Raises:
        Invalid: a URL or the list of replicas cannot be read.
    """
    if not settings.database_replica_reads:
        return []
    if data_dir is not None:
        records = [record for record in registry.load(data_dir).replicas if record.complete and record.running]
        return [(record.name, endpoint(record, settings.embedded_version).url(role, DATABASE)) for record in records]
    urls = settings.database_replica_urls
    return [(_label(url), url) for url in (split_urls(urls.get_secret_value()) if urls else [])]


def _label(url: str) -> str:
    """Host, port and nothing secret."""
    return parse_address(url, variable_of("database_replica_urls")).label


def endpoint(record: Record, version: int) -> Endpoint:
    """Return where an embedded replica listens, or will once it runs."""
    layout = Layout.of(record.directory)
    live = states.read_live(layout) if layout.control.is_dir() else None
    account = server_account().uid
    # What the file says counts only where it leads to a socket of the server's own account.
    said = Path(live.socket_dir) if live and live.socket_dir else None
    place = said if said and is_private(said, account) else socket_dir_of(layout, account)
    return Endpoint(place, PORT, layout.data_dir, version)


def refuse_promoted(data_dir: Path) -> None:
    """Refuse a data directory whose place one of its replicas has taken.

    Raises:
        Conflict: it is not the primary any more, and what is written to it would be lost.
    """
    promoted = registry.load(data_dir).promoted_to
    if promoted is not None:
        raise Conflict(
            f"The database of {data_dir} was handed over to its replica in {promoted}.",
            code="conflict.promoted",
            hint=f"Set MNEMON_DATA_DIR={promoted}. When nothing here is needed any more, remove the old directory.",
            path=str(promoted),
        )


def wake(data_dir: Path, version: int) -> None:
    """Start replicas that are to run and do not, as after a restart of the machine; in the background.

    Beside a server that ends with its last client (no ``mnemon up``) only the synchronous ones: its commits wait for
    them, and the others would serve nobody.
    """
    is_kept = Layout.of(data_dir).is_kept()
    asleep = [
        record
        for record in registry.load(data_dir).replicas
        if record.complete and record.running and (is_kept or record.synchronous)
        if states.read_live(Layout.of(record.directory)) is None
    ]
    if asleep:
        # A daemon: a command that ends at once does not wait for them. Whatever has been started goes on.
        threading.Thread(target=_start, args=(asleep, version), name="mnemon-replicas", daemon=True).start()


def _start(records: list[Record], version: int) -> None:
    for record in records:
        try:
            run_replica(record, version)
        except (MnemonError, OSError) as error:
            logger.warning("replica %s does not start: %s", record.name, error)
