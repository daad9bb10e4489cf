"""What the verbs of replicas take and give."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATABASE = "mnemon"
REPLICATION_ROLE = "mnemon_replica"
"""The role that replicas of the embedded server connect as: it may replicate, and nothing else."""


@dataclass(frozen=True, slots=True)
class Record:
    """A replica of the embedded server, as it is written down beside the primary.

    Attributes:
        name: also what the primary knows it by (``application_name``).
        directory: its data directory.
        synchronous: commits on the primary wait for one of those that are.
        running: it is to run, also after a restart of the machine.
        complete: its copy of the database was finished.
    """

    name: str
    directory: Path
    synchronous: bool = False
    running: bool = True
    complete: bool = False

    @property
    def slot(self) -> str:
        """The replication slot that keeps on the primary what this replica has not received."""
        return slot_of(self.name)


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What is known of a replica.

    Attributes:
        name: of the replica.
        state: ``streaming``, ``catchup``, ``running`` (nobody with the right to tell was asked), ``stopped``,
            ``unreachable``, ``incomplete`` (its copy was interrupted: add it again) or ``lost`` (the primary has
            removed what it still needs: remove it and add it again).
        serving: reads would be sent there.
        lag: seconds until what the primary had written was readable there, None if that cannot be measured.
        behind_bytes: of the primary's log, not yet replayed there; None where nobody may tell.
        synchronous: commits wait for it, or for another one that is.
        directory: its data directory, where it is known.
        reason: why it gets no reads.
    """

    name: str
    state: str
    serving: bool
    lag: float | None
    behind_bytes: int | None
    synchronous: bool
    directory: Path | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Promoted:
    """What a promotion did.

    Attributes:
        name: of the replica that is the primary now.
        directory: its data directory: ``MNEMON_DATA_DIR`` from now on.
        following: replicas that follow it.
        left: replicas that could not be told, and are to be added anew.
    """

    name: str
    directory: Path
    following: tuple[str, ...]
    left: tuple[str, ...]


def slot_of(name: str) -> str:
    """Return the slot's name for a replica's."""
    return f"mnemon_{name}"
