"""What can go wrong with a backup, each with a code that stays."""

from __future__ import annotations

from mnemon.core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class NotConfigured(Invalid):
    """No directory or no key is set."""

    default_code = "backup.not_configured"


class KeyMissing(Unavailable):
    """The key that something was encrypted with is not among those that are here."""

    default_code = "backup.key_missing"


class Damaged(Unavailable):
    """A file of the backups was changed, cut short or put in another's place."""

    default_code = "backup.damaged"


class Busy(Conflict):
    """Somebody else works on the same directory of backups."""

    default_code = "backup.busy"


class OtherCluster(Conflict):
    """The directory holds the backups of another server, or of another life of this one."""

    default_code = "backup.other_cluster"


class StorageFull(Unavailable):
    """The directory of backups, or where a restore goes, takes no more."""

    default_code = "backup.storage_full"


class NoRights(Forbidden):
    """The role may not do what a backup needs."""

    default_code = "backup.no_rights"


class ProgramFailed(Unavailable):
    """A program of PostgreSQL's ended with an error."""

    default_code = "backup.program_failed"


class WalGap(Unavailable):
    """WAL is missing between a backup and the moment asked for."""

    default_code = "backup.wal_gap"


class BackupNotFound(NotFound):
    """There is no such backup, or none that leads to the moment asked for."""

    default_code = "not_found.backup"


class OutOfReach(Invalid):
    """The archive does not reach the moment asked for."""

    default_code = "backup.out_of_reach"


class RestoreRefused(Conflict):
    """The directory is not empty, or a server runs on it."""

    default_code = "backup.restore_refused"


class RestoreFailed(Unavailable):
    """PostgreSQL did not come to the moment asked for."""

    default_code = "backup.restore_failed"
