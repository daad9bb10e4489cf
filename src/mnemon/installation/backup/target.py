"""Where a restore goes to: what ``--to`` means, and which backup leads there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mnemon.core.errors import Invalid
from mnemon.installation.backup.errors import BackupNotFound, OutOfReach
from mnemon.installation.backup.model import Label, parse_lsn, show_lsn
from mnemon.installation.backup.store import Store

_HINT = (
    "Write latest, backup, a time with its zone (2026-03-31T09:30:00.5+02:00), lsn:0/16B3748, xid:7421, or the name "
    "given to `mnemon backup mark`."
)


@dataclass(frozen=True, slots=True)
class Target:
    """A moment.

    Attributes:
        kind: ``backup`` is the moment at which the backup itself ended.
        at: for ``time``.
        number: for ``lsn`` and ``xid``.
        said: as somebody wrote it.
    """

    kind: Literal["latest", "backup", "time", "lsn", "xid"]
    said: str
    at: datetime | None = None
    number: int = 0

    def settings(self) -> dict[str, str]:
        """PostgreSQL's settings for it; up to and including that moment."""
        if self.kind == "backup":
            return {"recovery_target": "immediate"}
        if self.kind == "time" and self.at is not None:
            return {"recovery_target_time": self.at.isoformat(sep=" ")}
        if self.kind == "lsn":
            return {"recovery_target_lsn": show_lsn(self.number)}
        return {"recovery_target_xid": str(self.number)} if self.kind == "xid" else {}


def read_target(text: str, store: Store) -> Target:
    """Return what ``--to`` means.

    Raises:
        Invalid: it is no moment, or a time without a zone.
    """
    stripped = text.strip()
    if stripped in {"latest", "backup"}:
        return Target("latest" if stripped == "latest" else "backup", stripped)
    kind, _, value = stripped.partition(":")
    try:
        if kind == "xid":
            return Target("xid", stripped, number=int(value))
        if kind == "lsn":
            return Target("lsn", stripped, number=parse_lsn(value))
    except ValueError:
        raise Invalid(f"--to: {stripped[:60]!r} is no moment.", code="backup.target", hint=_HINT, field="to") from None
    points = store.points()
    if stripped in points:
        return Target("lsn", stripped, number=points[stripped])
    try:
        at = datetime.fromisoformat(stripped)
    except ValueError:
        raise Invalid(f"--to: {stripped[:60]!r} is no moment.", code="backup.target", hint=_HINT, field="to") from None
    if at.tzinfo is None:
        raise Invalid(
            f"--to: {stripped!r} says no zone.",
            code="backup.target",
            hint=f"Such as {stripped}Z for UTC, or {stripped}+02:00.",
            field="to",
        )
    return Target("time", stripped, at=at)


def choose(store: Store, target: Target, backup: str | None, timeline: int | None = None) -> Label:
    """Return the newest backup that leads to a moment, or the one that was named; of no later timeline than asked.

    Raises:
        BackupNotFound: none does.
        OutOfReach: the archive ends before the moment, or the named backup was made after it.
    """
    labels, problems = store.labels()
    reach = store.reach()
    if target.kind == "time" and target.at is not None and (reach is None or target.at > reach.at):
        until = f"{reach.at:%Y-%m-%d %H:%M:%S.%f} UTC" if reach else "nowhere"
        raise OutOfReach(
            f"The archive goes to {until}; {target.said} is after that.",
            hint="`--to latest` goes as far as it does; `mnemon backup wal` fetches what is new of a running server.",
            reach=reach.at.isoformat() if reach else None,
        )
    if target.kind == "lsn" and (reach is None or target.number > reach.lsn):
        raise OutOfReach(
            f"The archive goes to {show_lsn(reach.lsn) if reach else 'nowhere'}; {target.said} is after that.",
            hint="`--to latest` goes as far as it does.",
        )
    if backup is not None:
        chosen = store.label(backup)
        if not leads(chosen, target):
            raise OutOfReach(
                f"{chosen.id} ended at {chosen.finished_at.isoformat()}, after {target.said}.",
                hint="Leave --from out, or name an earlier one.",
            )
        return chosen
    for label in reversed(labels):
        if leads(label, target) and label.timeline <= (timeline or label.timeline):
            return label
    problem = f"None of {len(labels)} backups was made before {target.said}." if labels else "There is no backup."
    raise BackupNotFound(
        problem + (f" {len(problems)} cannot be read." if problems else ""),
        hint="`mnemon backup list` shows them; `mnemon backup full` makes one.",
    )


def leads(label: Label, target: Target) -> bool:
    """Tell whether WAL can lead from this backup to the moment."""
    if target.kind == "time" and target.at is not None:
        return label.finished_at <= target.at
    if target.kind == "lsn":
        return label.end_lsn <= target.number
    if target.kind == "xid":
        return label.oldest_running <= target.number
    return True
