"""Names the files of a directory of backups, and seals its ``cluster.json`` with the backup key."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mnemon.installation.backup.errors import Damaged
from mnemon.installation.backup.keys import Keyring
from mnemon.installation.backup.model import Label

CLUSTER = "cluster.json"
SEAL = "seal"
BACKUPS = "backups"
ENDING = ".sealed"
PARTIAL = ".partial-"
LABEL = f"label{ENDING}"


def seal_of(told: Mapping[str, Any], keys: Keyring, what: str) -> str:
    """Return the seal of what ``cluster.json`` says, made with the key that it names."""
    key = keys.find(bytes.fromhex(str(told["key"])), what)
    derived = HKDF(SHA256(), 32, salt=None, info=b"mnemon backup cluster.json").derive(key)
    plain = {name: value for name, value in told.items() if name != SEAL}
    return hmac.new(derived, json.dumps(plain, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def check_seal(told: Mapping[str, Any], keys: Keyring, labels: Iterable[Label], what: str) -> None:
    """Believe what ``cluster.json`` says only with its seal; without one, only beside backups from before.

    Raises:
        Damaged: it was changed, or its seal was taken away.
        KeyMissing: the key it was sealed with is not here.
    """
    changed = Damaged(
        f"{what} was changed since Mnemon wrote it.",
        hint="Take it from a copy of the directory. What it says of the server is in each backup as well.",
        file=CLUSTER,
    )
    if SEAL not in told:
        if any(label.files is not None for label in labels):
            raise changed
        return
    try:
        right = hmac.compare_digest(str(told[SEAL]), seal_of(told, keys, what))
    except (KeyError, ValueError):
        raise changed from None
    if not right:
        raise changed
