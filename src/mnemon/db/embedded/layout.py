"""Where things are: the control files inside the data directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mnemon.core.errors import Invalid

PORT = 5432
CONTROL = ".mnemon"
ENCRYPTED = ".encrypted"
"""What the name of an encrypted data directory's other half ends with; see :mod:`mnemon.db.embedded.vault`."""
HARMLESS = frozenset({CONTROL, "lost+found", ".DS_Store"})
"""Names that a directory may hold and still count as empty: our own, a file system's, a file browser's."""


@dataclass(frozen=True)
class Layout:
    """The paths that belong to one data directory.

    Attributes:
        data_dir: absolute, symbolic links resolved; what ``postgres -D`` gets.
    """

    data_dir: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """Return the layout of a directory that need not exist yet.

        Raises:
            Invalid: ``embedded.data_dir_name`` if the path holds a line break, which PostgreSQL's pid file cannot.
        """
        resolved = Path(data_dir).resolve()
        if "\n" in str(resolved) or "\r" in str(resolved):
            raise Invalid(
                "The path of the data directory holds a line break.",
                code="embedded.data_dir_name",
                hint="Set MNEMON_DATA_DIR to a path without one.",
                field="data_dir",
            )
        return cls(resolved)

    @property
    def vault(self) -> Path:
        """The directory beside an encrypted data directory, with its ciphertext and its control files."""
        return self.data_dir.with_name(self.data_dir.name + ENCRYPTED)

    @property
    def cipher(self) -> Path:
        """The ciphertext that is mounted at the data directory."""
        return self.vault / "cipher"

    @property
    def vault_version(self) -> Path:
        """The major version of the cluster in the ciphertext, to be read while it is not mounted."""
        return self.vault / "PG_VERSION"

    @property
    def is_encrypted(self) -> bool:
        """Whether the data directory is a mount of ciphertext, mounted now or not."""
        return self.cipher.is_dir()

    @property
    def inner(self) -> Path:
        """Our directory on the data directory's own file system, for what moves into the cluster."""
        return self.data_dir / CONTROL

    @property
    def control(self) -> Path:
        """The directory of the files below.

        An encrypted data directory has it outside: locks must outlive a mount, and nothing may keep it busy.
        """
        return self.vault / "control" if self.is_encrypted else self.inner

    @property
    def start_lock(self) -> Path:
        """Locked exclusively by the client that starts a server."""
        return self.control / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Locked exclusively by the supervisor while it lives."""
        return self.control / "supervisor.lock"

    @property
    def cluster_lock(self) -> Path:
        """Locked by every process of PostgreSQL on this directory."""
        return self.control / "cluster.lock"

    @property
    def lease(self) -> Path:
        """Locked shared by every client, exclusively by a supervisor that stops."""
        return self.control / "lease"

    @property
    def keep(self) -> Path:
        """Holds the data directory's path when the server is to stay without clients."""
        return self.control / "keep"

    @property
    def state(self) -> Path:
        """What the supervisor says about itself, as JSON."""
        return self.control / "state.json"

    @property
    def log(self) -> Path:
        """What the supervisor, initdb and a PostgreSQL that has not opened its own log yet print."""
        return self.control / "supervisor.log"

    @property
    def server_logs(self) -> Path:
        """The directory of PostgreSQL's own log files."""
        return self.data_dir / "log"

    @property
    def staging(self) -> Path:
        """The directory that initdb works in; what an interrupted initdb left there can be removed."""
        return self.inner / "new"

    @property
    def staged(self) -> Path:
        """A complete new cluster on its way into the data directory."""
        return self.inner / "ready"

    def cluster_version(self) -> int | None:
        """Return the major version of the cluster in the data directory, or None when there is none."""
        try:
            return int((self.data_dir / "PG_VERSION").read_text("ascii").strip())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return self._version_beside()
        except OSError:
            if not self.is_encrypted:
                raise
            return self._version_beside()  # the file system that was mounted there is dead

    def _version_beside(self) -> int | None:
        try:
            return int(self.vault_version.read_text("ascii").strip())
        except (OSError, ValueError):
            return None

    def is_empty(self) -> bool:
        """Tell whether the directory is missing, or holds nothing that matters."""
        try:
            return {path.name for path in self.data_dir.iterdir()} <= HARMLESS
        except FileNotFoundError:
            return True

    def is_kept(self) -> bool:
        """Tell whether the server is to stay without clients.

        The mark names its directory, so that a copy of the directory (a restored backup, a replica) is not kept.
        """
        try:
            return self.keep.read_bytes() == os.fsencode(self.data_dir)
        except FileNotFoundError:
            return False

    @property
    def socket_note(self) -> Path:
        """Says where this data directory's socket is; see :func:`socket_dir_of`."""
        return self.control / "socket"
