"""Tests over several processes (``pytest -n auto``): which stay together, and which begin first.

Each process has servers of its own, so what shares a thing that takes seconds to make stays in one of them: a file, a
package with a server for all its files, one version of PostgreSQL under attack, whatever reads the filled database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

#: More processes than this gain nothing: the longest unit takes as long as all the others.
_MOST = 8
#: What stays together, and its name.
_TOGETHER = (
    (re.compile(r"tests/attacks/.*\[(1\d)\b"), r"attacks on \1"),  # its tries are counted together
    (re.compile(r"tests/(.*/)?(backup|faults)/"), r"\2"),
    (re.compile(r"tests/.*/test_plans[a-z_]*\.py"), "plans"),
)
#: What takes longest, the longest first, so that no process is left with one of them at the end.
_FIRST = (
    "attacks on 18",
    "attacks on 16",
    "backup",
    "faults",
    "tests/db/embedded/test_encrypted.py",
    "tests/migrations/test_runner.py",
    "plans",
    "tests/processes/test_servers.py",
    "tests/jobs/test_killed.py",
)


def unit(nodeid: str) -> str:
    """The name of what a test shares a process with."""
    for pattern, name in _TOGETHER:
        if found := pattern.match(nodeid):
            return found.expand(name)
    return nodeid.partition("::")[0]


class Units(LoadScopeScheduling):
    """Gives each process a unit at a time, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many processes again as there are processors: tests wait for servers that start and stop."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable + (usable + 1) // 2, _MOST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Units:
    """Distribute by unit."""
    config.option.loadscopereorder = False  # not by the number of tests, which says nothing of the time
    return Units(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the units that take longest first where several processes take them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        places = {name: place for place, name in enumerate(_FIRST)}
        items.sort(key=lambda item: places.get(unit(item.nodeid), len(places)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what tests recorded as ``told``, in whichever process they ran."""
    for line in _told(terminalreporter.stats):
        terminalreporter.write_line(line)


def _told(stats: dict[str, list[Any]]) -> Iterator[str]:
    for report in (report for outcome in ("passed", "failed") for report in stats.get(outcome, ())):
        yield from (str(value) for name, value in getattr(report, "user_properties", ()) if name == "told")
