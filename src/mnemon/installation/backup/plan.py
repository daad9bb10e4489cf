"""What a restore is going to do, once it was found possible."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mnemon.db.embedded.account import Account
from mnemon.db.embedded.layout import Layout
from mnemon.installation.backup.model import Archived, Label
from mnemon.installation.backup.store import Store
from mnemon.installation.backup.target import Target

#: Called with what is being done, and how far that is from 0 to 1.
Step = Callable[[str, float], None]


@dataclass
class Plan:
    """A restore that was found possible."""

    store: Store
    layout: Layout
    account: Account
    target: Target
    chain: list[Label]
    timeline: int
    segments: list[Archived]
    step: Step
    seconds: dict[str, float] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def label(self) -> Label:
        """The backup that is brought back, with those it builds on."""
        return self.chain[-1]

    @property
    def wal(self) -> Path:
        """Where PostgreSQL takes the WAL from."""
        return self.layout.inner / "wal"
