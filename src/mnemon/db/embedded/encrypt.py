"""Making a data directory an encrypted one: an empty one at once, an existing one by a copy."""

from __future__ import annotations

import filecmp
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mnemon.core.errors import Conflict, Invalid, Unavailable
from mnemon.db.embedded import directory, locks, previous, vault
from mnemon.db.embedded.account import server_account
from mnemon.db.embedded.keys import KeySource
from mnemon.db.embedded.layout import CONTROL, Layout
from mnemon.db.embedded.sockets import socket_dir_of

# Not copied: our own locks, and what only means something while a server runs.
_LEFT = frozenset({CONTROL, "postmaster.pid", "postmaster.opts"})


@dataclass(frozen=True)
class Encrypted:
    """What :func:`encrypt` did.

    Attributes:
        data_dir: the data directory, a mount point now.
        cipher: its ciphertext.
        moved_bytes: what was copied into it; 0 for a new one.
    """

    data_dir: Path
    cipher: Path
    moved_bytes: int = 0


def make_encrypted(data_dir: Path, key: KeySource) -> bool:
    """Make a data directory that is not there yet an encrypted one; whether this call did.

    False if it was encrypted already, also by another process at the same moment.

    Raises:
        Conflict: ``embedded.plain_directory`` if a cluster is there that is not encrypted.
        Invalid: ``embedded.not_a_cluster`` and others, or something about the key.
        Unavailable: gocryptfs or FUSE is missing.
    """
    layout = Layout.of(data_dir)
    vault.require()
    if layout.is_encrypted:
        return False
    with directory.explained(layout.data_dir):
        if layout.cluster_version() is not None or layout.staged.is_dir():
            raise Conflict(
                f"{layout.data_dir} holds a database that is not encrypted.",
                code="embedded.plain_directory",
                hint="`mnemon encrypt` encrypts it where it is; `mnemon down` first.",
                path=str(layout.data_dir),
            )
        secret = key.read()
        directory.refuse_foreign(layout)
        directory.open_way(layout.data_dir, server_account())
        with _drafting(layout) as draft:
            vault.make(draft / "cipher", secret)
            return _settle(draft, layout)


def encrypt(data_dir: Path, key: KeySource) -> Encrypted:
    """Encrypt an existing data directory whose server does not run: copy, compare, then remove the plain files.

    Needs as much free space again. May be killed at any point and called again: until the copy is whole and compared
    the plain directory is the one that counts, and is not touched.

    Raises:
        Conflict: ``embedded.in_use``, ``embedded.already_encrypted``.
        Invalid: ``embedded.not_a_cluster``, ``embedded.data_outside``, or something about the key.
        Unavailable: ``embedded.disk_full``; gocryptfs or FUSE is missing.
    """
    layout = Layout.of(data_dir)
    vault.require()
    moved = 0
    with directory.explained(layout.data_dir):
        if not layout.is_encrypted:
            if layout.cluster_version() is None:
                raise Invalid(
                    f"There is no database in {layout.data_dir} yet.",
                    code="embedded.not_a_cluster",
                    hint="`mnemon up --encrypted` makes an encrypted one.",
                    field="data_dir",
                )
            secret = key.read()
            with _nobody_uses(layout):
                with _drafting(layout) as draft:
                    moved = _copy_in(draft, layout, secret)
                _set_aside(layout)  # before anybody who waits for a lock looks what is there
        elif plain_remains(layout.data_dir) is None:
            raise _already(layout)
        _set_aside(layout)
        if _aside(layout).is_dir():
            shutil.rmtree(_aside(layout))
    return Encrypted(layout.data_dir, layout.cipher, moved)


def plain_remains(data_dir: Path) -> Path | None:
    """Return where an interrupted :func:`encrypt` left plain files of an encrypted data directory, or None."""
    layout = Layout.of(data_dir)
    if not layout.is_encrypted:
        return None
    if _aside(layout).is_dir():
        return _aside(layout)
    if vault.is_mounted(layout.data_dir):
        return None
    return layout.data_dir if (layout.data_dir / "PG_VERSION").exists() else None


# -- the copy -----------------------------------------------------------------------------------------------------


def _copy_in(draft: Path, layout: Layout, secret: bytes) -> int:
    """Copy the cluster into a new ciphertext and put that beside it; the bytes copied."""
    _refuse_outside(layout.data_dir)
    size = sum(path.stat().st_size for path in layout.data_dir.rglob("*") if path.is_file())
    if shutil.disk_usage(layout.data_dir.parent).free < size * 1.05 + 64 * 1024 * 1024:
        raise Unavailable(
            f"Encrypting {layout.data_dir} needs {size / 1e6:,.0f} MB free beside it, for the copy.",
            code="embedded.disk_full",
            hint=directory.DISK_FULL_HINT,
            path=str(layout.data_dir),
        )
    vault.make(draft / "cipher", secret)
    target = draft / "mount"
    target.mkdir()
    for work in (_copy, _compare):
        # Mounted anew for the comparison, so that it reads what was written and no cache.
        mounted = vault.mount(draft / "cipher", target, secret)
        try:
            work(layout.data_dir, target)
        finally:
            mounted.close()
    target.rmdir()
    (draft / "PG_VERSION").write_text(f"{layout.cluster_version()}\n", "ascii")
    if not _settle(draft, layout):
        raise _already(layout)
    return size


def _copy(source: Path, target: Path) -> None:
    """Copy every file and directory of the cluster with its mode; all of it is the server's account's anyway."""
    for place, names, files in _cluster(source):
        here = target / place.relative_to(source)
        for name in names:
            (here / name).mkdir(mode=0o700)
        for name in files:
            shutil.copyfile(place / name, here / name)
            _like(place / name, here / name)
        _like(place, here)


def _compare(source: Path, target: Path) -> None:
    for place, _, files in _cluster(source):
        for name in files:
            if not filecmp.cmp(place / name, target / place.relative_to(source) / name, shallow=False):
                raise Unavailable(
                    f"{place / name} was not copied as it is.",
                    code="embedded.copy_differs",
                    hint="Does something else still write there? The plain directory is as it was.",
                    path=str(place / name),
                )


def _cluster(source: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each directory of the cluster with the names in it, from the top down."""
    for place, names, files in os.walk(source):
        if Path(place) == source:
            names[:] = [name for name in names if name not in _LEFT]
        yield Path(place), names, [name for name in files if name not in _LEFT]


def _like(source: Path, target: Path) -> None:
    found = source.stat()
    target.chmod(found.st_mode & 0o7777)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse_outside(data_dir: Path) -> None:
    """Links lead out of the directory (a tablespace, a WAL, logs): what they name would stay as it is."""
    outside = next((path for path in data_dir.rglob("*") if path.is_symlink()), None)
    if outside is not None:
        raise Invalid(
            f"{outside} leads out of the data directory; what is there would stay unencrypted.",
            code="embedded.data_outside",
            hint="Move it into the data directory first, or use an encrypted volume (docs/encryption.md).",
            field="data_dir",
            path=str(outside),
        )


# -- one step after the other -------------------------------------------------------------------------------------


@contextmanager
def _drafting(layout: Layout) -> Iterator[Path]:
    """Make an empty directory that becomes the vault, or goes if that fails; so does what killed calls left."""
    draft = _draft(layout)
    try:
        yield draft
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _draft(layout: Layout) -> Path:
    stem = f"{layout.vault.name}.new-"
    for old in layout.data_dir.parent.glob(f"{stem}*"):
        pid = old.name.removeprefix(stem)
        if pid.isdigit() and not _lives(int(pid)):
            vault.unmount(old / "mount")
            shutil.rmtree(old, ignore_errors=True)
    draft = layout.data_dir.parent / f"{stem}{os.getpid()}"
    draft.mkdir(mode=0o711)
    draft.chmod(0o711)  # whatever the umask: gocryptfs, which runs as the server's account, passes through
    (draft / "control").mkdir(mode=0o700)
    return draft


def _lives(pid: int) -> bool:
    from mnemon.db.embedded import processes

    return processes.exists(pid) and pid != os.getpid()


def _settle(draft: Path, layout: Layout) -> bool:
    """Let the draft be the vault, whole or not at all; False, and the draft is gone, if another came first."""
    os.sync()  # thousands of small files: one call for all
    try:
        draft.rename(layout.vault)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not layout.is_encrypted:
            raise
        return False
    _sync(layout.vault.parent)
    return True


def _aside(layout: Layout) -> Path:
    """Return where the plain files go before they are removed, which takes a while."""
    return layout.data_dir.with_name(layout.data_dir.name + ".plain")


def _set_aside(layout: Layout) -> None:
    """Move the plain files, if they are still there, out of the mount's way in one step: the ciphertext is whole."""
    if not vault.is_mounted(layout.data_dir) and (layout.data_dir / "PG_VERSION").exists():
        layout.data_dir.rename(_aside(layout))
        layout.data_dir.mkdir(mode=0o700)
        _sync(layout.data_dir.parent)


@contextmanager
def _nobody_uses(layout: Layout) -> Iterator[None]:
    """Hold every lock of the plain directory: no server runs, and none starts meanwhile."""
    held: list[int] = []
    try:
        layout.control.mkdir(mode=0o755, exist_ok=True)
        for path in (layout.start_lock, layout.lease, layout.supervisor_lock):
            held.append(locks.open_lock(path))
            if not locks.try_lock(held[-1]):
                raise _in_use(layout)
        # Also none that somebody else started. It raises when one runs, and waits for one that is ending.
        held.append(previous.settle(layout, socket_dir_of(layout, server_account().uid), time.sleep))
        yield
    finally:
        for fd in held:
            os.close(fd)


def _in_use(layout: Layout) -> Conflict:
    return Conflict(
        f"The server on {layout.data_dir} runs, or something holds it.",
        code="embedded.in_use",
        hint="Stop it (`mnemon down`), end what uses it, and try again.",
        path=str(layout.data_dir),
    )


def _already(layout: Layout) -> Conflict:
    return Conflict(
        f"{layout.data_dir} is encrypted already.",
        code="embedded.already_encrypted",
        hint="There is nothing to do.",
        path=str(layout.data_dir),
    )
