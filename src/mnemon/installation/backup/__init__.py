"""Backups of the whole server, the archive of its WAL, and restores to any moment (REQ-T109, REQ-T110).

Tables: none; what there is lies in a directory (:mod:`mnemon.installation.backup.store`), encrypted with AES-256-GCM
before it gets there (:mod:`mnemon.installation.backup.sealed`). Verbs: enable, disable; take, pull_wal, mark; listing,
verify, rehearse, prune; restore, unpack; alert, settled, failures. They are of the installation and no organisation's,
so they take settings and no context: who may read the key and the directory may call them.
"""

from mnemon.installation.backup.alerts import alert, failures, settled
from mnemon.installation.backup.enable import Enabled, disable, enable
from mnemon.installation.backup.errors import Busy, WalGap
from mnemon.installation.backup.model import (
    BackupListing,
    Kind,
    Label,
    Pruned,
    Pulled,
    Restored,
    Taken,
    Verified,
    show_lsn,
)
from mnemon.installation.backup.restore import RestoreRequest, restore
from mnemon.installation.backup.retention import listing, prune
from mnemon.installation.backup.source import GRANTS
from mnemon.installation.backup.take import take
from mnemon.installation.backup.unpack import Unpacked, unpack
from mnemon.installation.backup.verify import rehearse, require_whole, uncovers, verify
from mnemon.installation.backup.wal import mark, pull_wal

__all__ = [
    "GRANTS",
    "BackupListing",
    "Busy",
    "Enabled",
    "Kind",
    "Label",
    "Pruned",
    "Pulled",
    "RestoreRequest",
    "Restored",
    "Taken",
    "Unpacked",
    "Verified",
    "WalGap",
    "alert",
    "disable",
    "enable",
    "failures",
    "listing",
    "mark",
    "prune",
    "pull_wal",
    "rehearse",
    "require_whole",
    "restore",
    "settled",
    "show_lsn",
    "take",
    "uncovers",
    "unpack",
    "verify",
]
