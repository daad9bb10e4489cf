"""Where certificates to trust lie: the user's own files as libpq looks for them, and those of the system."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

#: From this version on libpq itself knows ``sslrootcert=system``.
KNOWS_SYSTEM = 16
#: Where systems keep all that they trust in one file: Debian and its kin, Fedora and its kin, SUSE, Alpine and macOS.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def own_file(name: str) -> Path | None:
    """Return a file of the user's where libpq looks for it; None where there is none, or nobody lets us look."""
    try:
        place = Path.home() / ".postgresql" / name
        with place.open("rb"):
            return place
    except (OSError, RuntimeError, KeyError):
        return None


def system_file() -> str | None:
    """Return the file with the certificates that the system trusts; None where there is no such file."""
    said = ssl.get_default_verify_paths()
    named = os.environ.get(said.openssl_cafile_env)
    for place in (named, said.cafile, *_BUNDLES):
        if place and os.access(place, os.R_OK):
            return place
    return None
