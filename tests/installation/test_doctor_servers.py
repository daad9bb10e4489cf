"""The doctor on servers of a user's own, where the server itself is set up badly."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mnemon.core.settings import Settings
from mnemon.db.embedded.account import server_account
from mnemon.installation.doctor import Finding, examine, slow
from tests.db.own_server import OwnServer
from tests.patience import PATIENCE

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
_EXTENSION = "/usr/share/postgresql/*/extension/pg_stat_statements.control"
CONTRIB = _FOUND[-1].parent if _FOUND and list(Path("/").glob(_EXTENSION[1:])) else None


@pytest.fixture(scope="module")
def bad() -> Iterator[OwnServer]:
    """No fsync, a small log, no TLS."""
    made = OwnServer(
        options={
            "max_wal_size": "32MB",
            "full_page_writes": "off",
            "autovacuum": "off",
            "autovacuum_freeze_max_age": "2000000000",  # or it would freeze at once what a test makes old
            "checkpoint_timeout": "1h",
        }
    )
    try:
        yield made
    finally:
        made.close()


async def look(url: str) -> dict[str, Finding]:
    found = await examine(url, Settings(database_url=url))
    return {finding.what: finding for findings in found.values() for finding in findings}


async def test_settings_that_lose_data_and_a_connection_that_is_not_encrypted(bad: OwnServer) -> None:
    found = await look(bad.url())
    for name in ("fsync", "full_page_writes", "autovacuum"):
        assert found[name].level == "wrong"
        assert f"ALTER SYSTEM SET {name} = on" in (found[name].do or "")
    assert (found["network"].level, "sslmode" in (found["network"].do or "")) == ("note", True)
    assert "correct-horse" not in str(found)


async def test_a_slot_that_holds_the_log(bad: OwnServer) -> None:
    admin = await asyncpg.connect(bad.url())
    try:
        assert (await look(bad.url()))["log size"].level == "ok"
        await admin.execute("SELECT pg_create_physical_replication_slot('forgotten', true)")
        for _ in range(6):
            await admin.execute("SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()")
        await admin.execute("CHECKPOINT")
        found = await look(bad.url())
        assert (found["log size"].level, "slot" in (found["log size"].do or "")) == ("note", True)
        held = found["log for forgotten"]
        assert (held.level, "pg_drop_replication_slot('forgotten')" in (held.do or "")) == ("wrong", True)
        await admin.execute("SELECT pg_drop_replication_slot('forgotten')")
        await admin.execute("CHECKPOINT")
        assert "log for forgotten" not in await look(bad.url())
    finally:
        await admin.close()


async def test_transaction_ids_that_run_out(bad: OwnServer) -> None:
    assert (await look(bad.url()))["transaction ids"].level == "ok"
    _use_up(bad, 1_200_000_000)
    found = (await look(bad.url()))["transaction ids"]
    assert (found.level, found.found.startswith("60%")) == ("wrong", True)
    assert "VACUUM FREEZE" in (found.do or "")


def _use_up(server: OwnServer, number: int) -> None:
    """Set the counter forward, with the page of the commit log that it is on."""
    assert server.process is not None
    server.process.send_signal(signal.SIGINT)
    server.process.wait(PATIENCE)
    server._run("pg_resetwal", "-x", str(number), "data")
    page = server.home / "data" / "pg_xact" / f"{number // (32768 * 32):04X}"
    page.write_bytes(bytes(262_144))
    os.chown(page, server.account.uid, server.account.gid)
    server.start()


class Contrib:
    """Debian's PostgreSQL, which has pg_stat_statements; as its package installed it, on a socket of the test's."""

    def __init__(self) -> None:
        assert CONTRIB is not None
        self.account = server_account()
        self.home = Path(tempfile.mkdtemp(prefix="mn-dr-", dir="/tmp"))
        options: dict[str, Any] = {"cwd": self.home, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if self.account.switch:
            os.chown(self.home, self.account.uid, self.account.gid)
            options |= {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}
        initdb: list[Any] = [CONTRIB / "initdb", "-D", "data", "-U", "root_role", "-A", "trust", "--no-sync"]
        subprocess.run(initdb, check=True, **options)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.home,
            "shared_preload_libraries": "pg_stat_statements",
            "fsync": "off",
        }
        command: list[Any] = [CONTRIB / "postgres", "-D", "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.process = subprocess.Popen(command, **options)
        self.url = f"postgresql://root_role@/postgres?host={self.home}"

    async def connect(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await asyncpg.connect(self.url)
            except (OSError, asyncpg.CannotConnectNowError):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

    def close(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.mark.skipif(CONTRIB is None, reason="no pg_stat_statements (Debian: apt-get install postgresql-contrib)")
async def test_slow_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow, "SLOW", 100.0)
    server = Contrib()
    try:
        admin = await server.connect()
        assert "CREATE EXTENSION" in ((await look(server.url))["slow statements"].do or "")
        await admin.execute("CREATE EXTENSION pg_stat_statements")
        assert (await look(server.url))["slow statements"].found.startswith("none over")
        for _ in range(5):
            await admin.fetchval("SELECT pg_sleep(0.11)::text AS asleep")
        found = (await look(server.url))["slow statement"]
        assert (found.level, "asleep" in found.found, "5 calls" in found.found) == ("note", True, True)
        await admin.close()
    finally:
        server.close()
