"""What retention removes, and what it never does: labels and segments as years of them would lie there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mnemon import Settings
from mnemon.installation import backup
from mnemon.installation.backup import Label
from mnemon.installation.backup.model import Kind, Segment
from mnemon.installation.backup.seal import PARTIAL
from mnemon.installation.backup.store import Store

from .support import new_key, store_of

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
SIZE = 16 << 20


class _Clock:
    def now(self) -> datetime:
        return NOW


class Years:
    """A directory in which one segment was archived each day, with the backups that a test asks for."""

    def __init__(self, place: Path, **settings: int) -> None:
        self.settings = Settings(backup_dir=place, backup_key=new_key(), **settings)  # type: ignore[arg-type]
        self.store: Store = store_of(self.settings)

    def backup(self, days: float, kind: Kind = "full", parent: str | None = None) -> str:
        at = NOW - timedelta(days=days)
        number = self.segment_of(days)
        label = Label(
            id=f"{at:%Y%m%dT%H%M%SZ}-{kind}", kind=kind, parent=parent, started_at=at, finished_at=at,
            system_identifier=1, version=180004, timeline=1, segment_bytes=SIZE, start_lsn=number * SIZE + 40,
            end_lsn=number * SIZE + 400, oldest_running=1, data_bytes=1, stored_bytes=1, embedded=True,
            superuser="mnemon_admin", database="mnemon",
        )  # fmt: skip
        (self.store.backups / label.id).mkdir()
        self.store.put_json(self.store.backups / label.id / "label.sealed", label.as_json())
        return label.id

    @staticmethod
    def segment_of(days: float) -> int:
        return 1000 - int(days)

    def wal(self, *days: int) -> None:
        for day in days:
            name = Segment(1, self.segment_of(day)).name(SIZE)
            with self.store.writing(self.store.wal_file(name), {"at": (NOW - timedelta(days=day)).isoformat()}) as file:
                file.write(b"wal")

    async def prune(self) -> set[str]:
        """The backups that are left."""
        await backup.prune(self.settings, clock=_Clock())
        return {label.id for label in self.store.labels()[0]}

    def days_of_wal(self) -> list[int]:
        return sorted(1000 - one.segment.number for one in self.store.archived(SIZE))


@pytest.fixture
def years(tmp_path: Path) -> Years:
    return Years(tmp_path / "backups")


async def test_thirty_days_of_backups_and_seven_of_wal(years: Years) -> None:
    made = {days: years.backup(days) for days in range(40)}
    years.wal(*range(40))
    left = await years.prune()
    assert left == {made[days] for days in range(31)}
    # To go back seven days, recovery begins with the backup of seven days ago.
    assert years.days_of_wal() == list(range(8))
    assert await years.prune() == left, "nothing is left to do"


async def test_a_base_outlives_its_days_while_something_builds_on_it(years: Years) -> None:
    base = years.backup(40)
    link = years.backup(35, "incremental", base)
    young = years.backup(29, "incremental", link)
    alone = years.backup(39)
    years.backup(1)
    left = await years.prune()
    assert {base, link, young} <= left
    assert alone not in left


async def test_the_last_full_backup_stays_however_old(years: Years) -> None:
    years.backup(400)
    last = years.backup(300)
    child = years.backup(299, "incremental", last)
    years.wal(*range(290, 401))
    assert await years.prune() == {last, child}
    assert max(years.days_of_wal()) == 299, "what leads on from the newest backup"


async def test_a_base_that_kept_wal_needs_outlives_its_days(tmp_path: Path) -> None:
    years = Years(tmp_path / "backups", backup_days=2, backup_wal_days=7)
    needed, unneeded = years.backup(9), years.backup(12)
    middle, young = years.backup(5), years.backup(1)
    years.wal(*range(15))
    assert await years.prune() == {needed, young}
    assert unneeded != middle
    assert years.days_of_wal() == list(range(10))


async def test_without_a_backup_all_wal_stays(years: Years) -> None:
    years.wal(1, 20, 400)
    assert await years.prune() == set()
    assert years.days_of_wal() == [1, 20, 400]


async def test_an_interrupted_removal_is_finished_and_hides_what_is_going(years: Years) -> None:
    kept = years.backup(1)
    gone = years.backup(50)
    (years.store.backups / gone).rename(years.store.backups / f"{PARTIAL}{gone}")
    assert [label.id for label in years.store.labels()[0]] == [kept]
    assert await years.prune() == {kept}
    assert [path.name for path in years.store.backups.iterdir()] == [kept]


async def test_what_cannot_be_read_is_not_removed(years: Years) -> None:
    kept, broken = years.backup(1), years.backup(50)
    (years.store.backups / broken / "label.sealed").write_bytes(b"?")
    assert await years.prune() == {kept}
    assert (years.store.backups / broken).is_dir()
