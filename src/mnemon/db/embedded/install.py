"""A copy of PostgreSQL's programs for an account that cannot reach them where they are installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path

from mnemon.core.errors import Conflict, Unavailable
from mnemon.db.embedded.account import Account, first_closed, way_to
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.programs import PACKAGE

# Libraries that the programs find relative to themselves, below or beside the package.
_LIBRARIES = (Path(f"{PACKAGE}.libs"), Path(PACKAGE, ".dylibs"))


def reachable_binaries(layout: Layout, installed: Path, account: Account) -> Path:
    """Return ``installed``, or where the account cannot execute it a copy beside the data directory, made once.

    Raises:
        Conflict: ``embedded.cache_refused`` if something that is not ours is in the copy's place.
        Unavailable: ``embedded.binaries_unreachable`` if the account cannot execute the copy either.
    """
    if first_closed([*way_to(installed), installed / "postgres"], account) is None:
        return installed
    information = (installed / "postgres").stat()
    mark = hashlib.sha256(f"{installed}\0{information.st_size}\0{information.st_mtime_ns}".encode(errors="replace"))
    tree = installed.parent
    home = layout.data_dir.parent / f".mnemon-{tree.name}-{mark.hexdigest()[:12]}"
    if not os.path.lexists(home):
        _copy(tree, home)
    _refuse_planted(home)
    copied = home / PACKAGE / tree.name / "bin"
    closed = first_closed([*way_to(copied), copied / "postgres"], account)
    if closed is not None:
        raise Unavailable(
            f"The account {account.name} can execute PostgreSQL neither in {installed} nor in {home}.",
            code="embedded.binaries_unreachable",
            hint="Set MNEMON_DATA_DIR to a directory on a file system that allows programs (not mounted noexec).",
            path=str(closed),
            account=account.name,
        )
    return copied


def _copy(tree: Path, home: Path) -> None:
    """Copy the tree and the libraries beside it, keeping their relative places; it appears whole or not at all."""
    site = tree.parent.parent
    draft = home.with_name(f"{home.name}.{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(mode=0o755)
        trees = [tree.relative_to(site), *(part for part in _LIBRARIES if (site / part).is_dir())]
        for part in trees:
            skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
            shutil.copytree(site / part, draft / part, symlinks=True, ignore=skip)
        _open_to_all(draft)
        draft.rename(home)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _open_to_all(root: Path) -> None:
    """Everyone may read and execute what is public software anyway; only its owner may write."""
    for place, _, files in os.walk(root):
        Path(place).chmod(0o755)
        for name in files:
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def _refuse_planted(home: Path) -> None:
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise Conflict(
            f"{home} is not a directory of this user's that only this user can write.",
            code="embedded.cache_refused",
            hint="PostgreSQL's programs would be executed from there. Look at it, remove it, and try again.",
            path=str(home),
        )
