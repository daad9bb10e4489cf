"""The pooler is killed under load, and started again."""

from __future__ import annotations

import signal

from tests.db.pooled import LOGIN, needs_pgbouncer, pooled_server
from tests.faults.ledger import doctor, ledger_on


@needs_pgbouncer
async def test_the_pooler_is_killed() -> None:
    async with pooled_server() as pooled:
        settings = pooled.settings(database_pool_size=10)
        assert settings.database_url is not None
        environment = {"DATABASE_URL": settings.database_url.get_secret_value(), "DATABASE_POOLER": "transaction"}
        async with ledger_on(settings) as ledger:
            await ledger.more(40)
            assert pooled.process is not None
            pooled.process.send_signal(signal.SIGKILL)
            pooled.process.wait()
            await ledger.fails()
            told = await doctor(**environment)
            pooled.start(pooled.server.home / "pooler")
            await ledger.more(40)
        assert set(ledger.refused) == {"unavailable.database"}
        assert told["connection"]["level"] == "wrong"
        await ledger.check(pooled.server.url(LOGIN, database="pooled"))
        ledger.tell("kill -9 of PgBouncer, started again", outage_seconds=round(ledger.outage(), 2))
