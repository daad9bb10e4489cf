"""What a supervisor tells the others about itself, in one small JSON file that is replaced atomically."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.db.embedded import locks, processes
from mnemon.db.embedded.layout import Layout
from mnemon.db.embedded.model import Phase

_KINDS: dict[str, type[MnemonError]] = {kind.kind: kind for kind in (Conflict, Invalid, Unavailable)}


@dataclass(frozen=True)
class State:
    """One supervisor's account of itself.

    Attributes:
        nonce: chosen by the client that started it.
        phase: see :class:`mnemon.db.embedded.Status`.
        version: PostgreSQL's major version.
        port: part of the socket's name.
        socket_dir: an empty string until it is known.
        supervisor_pid: 0 until it is known.
        supervisor_start: tells it from a later process of the same number; None where that cannot be read.
        postmaster_pid: 0 unless ready.
        ready_at: Unix time at which the server last became ready, 0.0 before.
        error: ``MnemonError.as_dict()`` when it failed.
    """

    nonce: str
    phase: Phase
    version: int
    port: int
    socket_dir: str = ""
    supervisor_pid: int = 0
    supervisor_start: str | None = None
    postmaster_pid: int = 0
    ready_at: float = 0.0
    error: dict[str, Any] | None = None

    def failure(self) -> MnemonError:
        """Return the error that made the supervisor give up, as it was raised there."""
        told = self.error or {}
        kind = _KINDS.get(told.get("kind", ""), Unavailable)
        return kind(
            told.get("message", "The embedded server gave up."),
            code=told.get("code", "embedded.start_failed"),
            hint=told.get("hint"),
            **told.get("data", {}),
        )

    def is_by(self, pid: int) -> bool:
        """Tell whether ``pid`` is the supervisor that wrote this."""
        if pid != self.supervisor_pid:
            return False
        return processes.exists(pid) and (
            self.supervisor_start is None or processes.start_time(pid) == self.supervisor_start
        )


def write(layout: Layout, state: State) -> None:
    """Replace the file. Only the holder of the supervisor's lock does."""
    draft = layout.control / "state.draft"
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
    draft.replace(layout.state)


def read(layout: Layout) -> State | None:
    """Return the last word of the last supervisor, dead or alive; None if there is none that can be read."""
    try:
        told = json.loads(layout.state.read_bytes())
        return State(**{field.name: told[field.name] for field in fields(State)})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_live(layout: Layout) -> State | None:
    """Return what the living supervisor says, or None when none lives.

    A supervisor that has the lock and has not written yet counts as starting: the file is still its predecessor's.
    """
    if not locks.is_locked(layout.supervisor_lock):
        return None
    state = read(layout)
    if state is not None and state.is_by(state.supervisor_pid):
        return state
    blank = State(nonce="", phase="starting", version=0, port=0)
    return blank if state is None else replace(blank, nonce=state.nonce)
