"""The data directory before a server runs on it: whose it is, whether it can be reached, what it holds."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.core.trust import is_own
from mnemon.db.embedded import vault
from mnemon.db.embedded.account import VARIABLE, Account, first_closed, way_to
from mnemon.db.embedded.layout import Layout

DISK_FULL_HINT = "Free some space, or set MNEMON_DATA_DIR to a directory on another file system."


def prepare(layout: Layout, account: Account) -> None:
    """Make the data directory and its control directory, or check that the existing ones may be used.

    Makes missing parents, never changes an existing one. A directory that is refused is left as it is.

    Raises:
        Invalid: ``embedded.not_a_cluster``, ``embedded.data_dir_owner`` or ``embedded.data_dir_unreachable``.
        Conflict: ``embedded.plain_remains`` where an encrypted one is to be mounted.
    """
    data_dir = layout.data_dir
    if not layout.is_encrypted:
        refuse_foreign(layout)
    open_way(data_dir, account)
    if layout.is_encrypted:
        _prepare_mount_point(layout)
        return
    data_dir.mkdir(mode=0o700, exist_ok=True)
    _settle_owner(layout, account)
    layout.control.mkdir(mode=0o755, exist_ok=True)
    status = layout.control.lstat()
    if layout.control.is_symlink() or status.st_uid not in {os.geteuid(), account.uid}:
        raise _wrong_owner(layout.control, status.st_uid, account)
    # Readable for the server's account, because pg_basebackup reads every file of a data directory.
    if account.switch and status.st_mode & 0o777 != 0o755:
        layout.control.chmod(0o755)


def refuse_planted(layout: Layout, account: Account) -> None:
    """Refuse control files that another user has made: they say which socket to talk to and which process to end.

    Raises:
        Invalid: ``embedded.data_dir_owner``.
    """
    if not os.path.lexists(layout.control):
        return  # nobody has started a server here: what is there is looked at before one is
    # Whose the data directory is, is looked at before a server starts: nobody can make control files of ours in it.
    places = [layout.vault, layout.cipher, layout.control] if layout.is_encrypted else [layout.control]
    for path in places:
        try:
            status = path.lstat()
        except OSError:
            continue  # not there yet, or a file system that has died: nothing is read from it
        if not stat.S_ISDIR(status.st_mode) or not is_own(status, account.uid):
            raise _wrong_owner(path, status.st_uid, account)


def open_way(data_dir: Path, account: Account) -> None:
    """Make the missing parents of a data directory, and check that the account can pass through all of them.

    Raises:
        Invalid: ``embedded.data_dir_unreachable``.
    """
    missing = [path for path in way_to(data_dir.parent) if not path.exists()]
    _refuse_closed_way([path for path in way_to(data_dir.parent) if path not in missing], data_dir, account)
    for path in missing:
        path.mkdir(mode=0o755, exist_ok=True)
        if account.switch:
            # Whatever root's umask says: the server's account has to pass through.
            path.chmod(0o755)


def _prepare_mount_point(layout: Layout) -> None:
    """Make the directory that ciphertext is mounted at; whose it is afterwards, the mounted one says."""
    layout.control.mkdir(mode=0o700, exist_ok=True)
    if not vault.is_mounted(layout.data_dir):  # a dead mount would not even tell that it is there
        layout.data_dir.mkdir(mode=0o700, exist_ok=True)
        vault.refuse_plain(layout.data_dir)


def refuse_foreign(layout: Layout) -> None:
    """Refuse a directory that holds something, and not a cluster.

    Raises:
        Invalid: ``embedded.not_a_cluster``.
    """
    in_transit = layout.staged.is_dir()
    if layout.cluster_version() is None and not in_transit and not layout.is_empty():
        raise Invalid(
            f"{layout.data_dir} is not empty and holds no PostgreSQL cluster.",
            code="embedded.not_a_cluster",
            hint="Nothing in it was touched. Set MNEMON_DATA_DIR to an empty or a new directory.",
            field="data_dir",
            path=str(layout.data_dir),
        )


def check_version(layout: Layout, wanted: int, found: int | None) -> None:
    """Refuse a cluster of another major version.

    Raises:
        Conflict: ``embedded.version_mismatch``.
    """
    if found is not None and found != wanted:
        raise Conflict(
            f"{layout.data_dir} holds a PostgreSQL {found} cluster, and PostgreSQL {wanted} was asked for.",
            code="embedded.version_mismatch",
            hint=f"Ask for version {found}; or, to move to {wanted}, dump it with version {found} and restore the "
            "dump into a new data directory.",
            found=found,
            wanted=wanted,
            path=str(layout.data_dir),
        )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the operating system says about the data directory into our errors."""
    try:
        yield
    except OSError as error:
        raise explain(error, path) from error


def explain(error: OSError, path: Path) -> MnemonError:
    """Our error for one of the operating system's."""
    where = str(error.filename or path)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable(
            f"No space is left for the data directory {path}.",
            code="embedded.disk_full",
            hint=DISK_FULL_HINT,
            path=where,
        )
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL}:
        return Invalid(
            f"{where} cannot be (part of) a data directory: {error.strerror}.",
            code="embedded.data_dir_name",
            hint="Set MNEMON_DATA_DIR to another path.",
            field="data_dir",
            path=where,
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return Invalid(
            f"The data directory {path} cannot be used: {where}: {error.strerror}.",
            code="embedded.data_dir_unreachable",
            hint="Set MNEMON_DATA_DIR to a directory that this user can write, or run as the user who owns this one.",
            field="data_dir",
            path=where,
        )
    return Unavailable(
        f"The embedded server failed at {where}: {error.strerror or error}.", code="embedded.system_error", path=where
    )


def _refuse_closed_way(existing: list[Path], data_dir: Path, account: Account) -> None:
    closed = first_closed(existing, account)
    if closed is None:
        return
    subject = f"The account {account.name}, which PostgreSQL runs as," if account.switch else "This user"
    raise Invalid(
        f"{subject} cannot reach the data directory {data_dir}: {closed} is closed to it.",
        code="embedded.data_dir_unreachable",
        hint="Set MNEMON_DATA_DIR to a directory that it can reach, such as /var/lib/mnemon/postgres, "
        f"or name another account in {VARIABLE}."
        if account.switch
        else "Set MNEMON_DATA_DIR to a directory of your own.",
        field="data_dir",
        path=str(closed),
    )


def _settle_owner(layout: Layout, account: Account) -> None:
    """Give an empty directory to the server's account; a directory with something in it must be its own already."""
    found = layout.data_dir.stat()
    if found.st_uid != account.uid:
        if not (account.switch and layout.is_empty()):
            raise _wrong_owner(layout.data_dir, found.st_uid, account)
        os.chown(layout.data_dir, account.uid, account.gid, follow_symlinks=False)
    if layout.is_empty() and found.st_mode & 0o777 != 0o700:
        layout.data_dir.chmod(0o700)


def _wrong_owner(path: Path, owner: int, account: Account) -> Invalid:
    return Invalid(
        f"{path} belongs to user {owner}, and PostgreSQL would run as {account.name}.",
        code="embedded.data_dir_owner",
        hint=f"Run as its owner, or give the whole directory to {account.name} (chown -R), or set MNEMON_DATA_DIR "
        "to another."
        if account.switch
        else "Run as its owner, or set MNEMON_DATA_DIR to a directory of your own.",
        field="data_dir",
        path=str(path),
    )
