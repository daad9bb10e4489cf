"""The cluster: made whole or not at all, and how PostgreSQL is told to run on it."""

from __future__ import annotations

import locale
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mnemon.core import trust
from mnemon.core.errors import Invalid
from mnemon.db.embedded.layout import PORT, Layout
from mnemon.db.embedded.model import ADMIN_ROLE

MIB = 1024 * 1024

# What the supervisor, the lock or the promise not to lose data rests on.
_OURS = frozenset(
    {
        "data_directory", "hba_file", "ident_file", "external_pid_file", "config_file",
        "listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions", "unix_socket_group",
        "logging_collector", "log_destination", "log_directory", "log_filename",
        "fsync", "full_page_writes",
    }
)  # fmt: skip


def check_options(options: Mapping[str, str]) -> None:
    """Refuse settings that are not the caller's to choose.

    Raises:
        Invalid: ``embedded.option_refused``.
    """
    for name in options:
        plain = name.strip().lower().replace("-", "_")
        if plain in _OURS or not plain.replace("_", "").replace(".", "").isalnum():
            raise Invalid(
                f"The embedded server does not let {name!r} be set.",
                code="embedded.option_refused",
                hint="Use a server of your own for that.",
                field="options",
                option=name,
            )


def initdb_command(programs: Path, version: int, target: Path) -> list[str]:
    """Return the command that makes a cluster in the empty directory ``target``.

    Authentication is ``trust``: the only way in is a socket in a directory of mode 0700, so whoever can connect
    could read the data files as well, and a password would have to lie beside them.
    """
    command = [
        str(programs / "initdb"), "-D", str(target), "-U", ADMIN_ROLE, "--auth=trust", "--encoding=UTF8",
        "--data-checksums", "--no-instructions",
    ]  # fmt: skip
    if version >= 17:
        # The same collation on every machine and after every upgrade of its C library.
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    else:
        command += [f"--locale={_c_locale()}"]
    for name, value in _initial_settings().items():
        command += ["--set", f"{name}={value}"]
    return command


def postgres_command(programs: Path, layout: Layout, socket_dir: Path, options: Mapping[str, str]) -> list[str]:
    """Return the command that runs the server. What stands here wins over postgresql.conf and ALTER SYSTEM."""
    settings = {
        **options,
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "logging_collector": "on",
        "log_destination": "stderr",
        "log_directory": str(layout.server_logs.name),
        "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
        "fsync": "on",
        "full_page_writes": "on",
    }
    command = [str(programs / "postgres"), "-D", str(layout.data_dir)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


def server_environment(layout: Layout) -> dict[str, str]:
    """Return a plain environment: nothing of the caller's (PGDATA, PGOPTIONS, a locale) decides how the server runs."""
    passed = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    # With no LC_ALL macOS starts threads inside postgres, which then refuses to run.
    return {"PATH": trust.search_path(), **passed, "LC_ALL": "C", "TZ": "UTC", "HOME": str(layout.data_dir)}


def clear_staging(layout: Layout, uid: int, gid: int) -> Path:
    """Make an empty directory for initdb that belongs to the server's account; the rest of an interrupted one goes."""
    if layout.staging.exists():
        shutil.rmtree(layout.staging)
    layout.staging.mkdir(mode=0o700)
    if uid != os.geteuid():
        os.chown(layout.staging, uid, gid, follow_symlinks=False)
    return layout.staging


def adopt_staged(layout: Layout) -> None:
    """Move a finished new cluster into the data directory; may be interrupted anywhere and called again.

    The directory itself is not replaced, because it may be a mount point. PG_VERSION comes last: with it, the
    cluster counts as there.
    """
    for path in sorted(layout.staged.iterdir(), key=lambda path: path.name == "PG_VERSION"):
        path.rename(layout.data_dir / path.name)
    sync(layout.data_dir)
    layout.staged.rmdir()


def sync(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def tail(path: Path, start: int = 0, lines: int = 20) -> list[str]:
    """Return the last lines of a log from byte ``start`` on; none if it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return []
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size
        file.seek(max(start, size - 16384))
        return [line for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()][-lines:]


def server_log_files(layout: Layout) -> list[Path]:
    """PostgreSQL's log files, the oldest first."""
    return sorted(layout.server_logs.glob("postgresql-*.log"))


def _c_locale() -> str:
    """C.UTF-8 where the C library has it, so that upper() and regular expressions know letters beyond ASCII."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"


def _initial_settings() -> dict[str, str]:
    """Written once into postgresql.conf: good on a laptop, and the user's to change there or by ALTER SYSTEM."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    return {
        "shared_buffers": f"{max(32, min(256, memory // 8))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "maintenance_work_mem": f"{max(64, min(256, memory // 16))}MB",
        "max_connections": "100",
        "wal_level": "replica",
        "max_wal_size": "1GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_rotation_size": "10MB",
        "log_rotation_age": "0",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    }
