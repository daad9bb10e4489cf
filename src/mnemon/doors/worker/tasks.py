"""What Mnemon itself does in the background: a handler for each kind, and the schedules of the installation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from mnemon.context import Context
from mnemon.core.errors import MnemonError, Unavailable
from mnemon.core.principal import INSTALLATION, Principal
from mnemon.core.text import parse
from mnemon.doors.worker import backup_tasks
from mnemon.identity import service as identity
from mnemon.identity.schemas_signin import AccountMail
from mnemon.integrations import service as integrations
from mnemon.integrations.schemas_webhooks import SendDeliveries
from mnemon.jobs import service as jobs
from mnemon.jobs.registry import Registry
from mnemon.jobs.run import Run
from mnemon.jobs.schemas import Enqueue, SetSchedule
from mnemon.knowledge import service as knowledge
from mnemon.memory import service as memory
from mnemon.operations import service as operations
from mnemon.workspace import service as workspace
from mnemon.workspace.schemas_assets import SweepAssets

registry = Registry()

#: Made when a worker starts, once for the installation; what somebody changed of them stays as it is.
SCHEDULES = (
    SetSchedule(name="seal-audit", kind="operations.seal_audit", every_seconds=60, priority=10),
    SetSchedule(name="partitions", kind="operations.maintain_partitions", every_seconds=3600, priority=20),
    SetSchedule(name="dashboard", kind="operations.refresh_dashboard", every_seconds=900),
    SetSchedule(name="knowledge-summaries", kind="knowledge.refresh_summaries", every_seconds=3600),
    SetSchedule(name="knowledge-counts", kind="knowledge.count_uses", every_seconds=900),
    SetSchedule(name="memory-index", kind="memory.find_unindexed", every_seconds=300, priority=5),
    SetSchedule(name="webhooks", kind="integrations.find_deliveries", every_seconds=900),
    SetSchedule(name="webhook-retention", kind="integrations.prune_deliveries", daily_at=time(3, 10)),
    SetSchedule(name="assets", kind="workspace.sweep_stores", daily_at=time(4, 10)),
    SetSchedule(name="job-retention", kind="jobs.prune", daily_at=time(3, 40), payload={"days": 7, "dead_days": 90}),
)


async def install_schedules(ctx: Context) -> int:
    """Make the installation's schedules that are not there yet; how many. Any number of workers may do it at once."""
    installation = ctx.as_principal(Principal(INSTALLATION))
    wanted = (*SCHEDULES, *backup_tasks.schedules(ctx.settings))
    made = [await jobs.set_schedule(installation, schedule, replace=False) for schedule in wanted]
    return sum(made)


@registry.handler("operations.seal_audit")
async def seal_audit(run: Run) -> dict[str, int]:
    """Seal every audit trail (REQ-T135)."""
    return {"rows": (await operations.seal_audits(run.ctx)).rows}


@registry.handler("operations.maintain_partitions", base_delay=30)
async def maintain_partitions(run: Run) -> dict[str, Any]:
    """Make partitions ahead, drain the default one, keep to retention."""
    report = await operations.maintain_partitions(run.ctx)
    return {
        "made": sum(len(table.made) for table in report.tables),
        "dropped": sum(len(table.dropped) for table in report.tables),
        "busy": [table.table for table in report.tables if table.busy],
    }


@registry.handler("operations.refresh_dashboard", base_delay=30)
async def refresh_dashboard(run: Run) -> dict[str, int]:
    """Roll up measurements of everybody and renew the dashboard (REQ-T134)."""
    return {"partials": (await operations.refresh_dashboard(run.ctx)).partials}


@registry.handler("knowledge.refresh_summaries", base_delay=30)
async def refresh_summaries(run: Run) -> dict[str, bool]:
    """Renew the materialized views of patterns and knowledge (REQ-T149)."""
    return {"refreshed": await knowledge.refresh_knowledge_summaries(run.ctx)}


@registry.handler("knowledge.count_uses")
async def count_uses(run: Run) -> dict[str, int]:
    """Count uses of patterns that are not counted yet, of every organisation (REQ-T133)."""
    return await _everywhere(run, knowledge.count_pattern_uses)


@registry.handler("integrations.prune_deliveries")
async def prune_deliveries(run: Run) -> dict[str, int]:
    """Remove webhook deliveries that are past their thirty days (REQ-T138)."""

    async def prune(ctx: Context) -> int:
        return (await integrations.prune_deliveries(ctx)).count

    return await _everywhere(run, prune)


@registry.handler("integrations.deliver", timeout=900)
async def deliver(run: Run) -> dict[str, int]:
    """Send an organisation's webhooks that are due (REQ-T138), and come back when the next one is."""
    sent = await integrations.send_deliveries(run.ctx, SendDeliveries())
    await _deliver_again(run.ctx, sent.next_attempt_at, after=run.job.payload.get("at"))
    return {"delivered": sent.delivered, "postponed": sent.postponed, "failed": sent.failed}


async def _deliver_again(ctx: Context, due: datetime | None, *, after: str | None = None) -> int:
    """Queue one job for when something is due, whoever asks for it: to the second, and never for the one before."""
    if due is None:
        return 0
    moment = due.replace(microsecond=0) + timedelta(seconds=1)
    if after is not None:
        moment = max(moment, datetime.fromisoformat(after) + timedelta(seconds=1))
    at = moment.isoformat()
    request = Enqueue(kind="integrations.deliver", run_at=moment, payload={"at": at}, idempotency_key=f"at:{at}")
    return int((await jobs.enqueue(ctx, request)).created)


@registry.handler("integrations.find_deliveries")
async def find_deliveries(run: Run) -> dict[str, int]:
    """Look for webhooks that are due in any organisation and that no job is there for."""

    async def look(ctx: Context) -> int:
        waiting = await integrations.send_deliveries(ctx, SendDeliveries(limit=0))
        return await _deliver_again(ctx, waiting.next_attempt_at)

    return await _everywhere(run, look)


@registry.handler("workspace.sweep_assets", base_delay=30)
async def sweep_assets(run: Run) -> dict[str, int]:
    """Remove from the object store what files had that are gone."""
    return {"removed": (await workspace.sweep_assets(run.ctx, parse(SweepAssets, run.job.payload))).removed}


@registry.handler("workspace.sweep_stores", base_delay=60)
async def sweep_stores(run: Run) -> dict[str, Any]:
    """Look through the whole object store for what nobody has, where there is one."""
    try:
        unowned = (await workspace.sweep_unowned_assets(run.ctx)).removed
    except Unavailable as error:
        return {"skipped": error.message}

    async def sweep(ctx: Context) -> int:
        return (await workspace.sweep_assets(ctx, SweepAssets())).removed

    return {**await _everywhere(run, sweep), "unowned": unowned}


@registry.handler("identity.send_account_mail", base_delay=20)
async def send_account_mail(run: Run) -> None:
    """Send a person the link by which they set a password."""
    await identity.send_account_mail(run.ctx, parse(AccountMail, run.job.payload))


@registry.handler("memory.find_unindexed")
async def find_unindexed(run: Run) -> dict[str, int]:
    """Enqueue maintenance for each organisation that is large enough for indexes and has rows outside them."""

    async def look(ctx: Context) -> int:
        waits = await memory.maintain(ctx, max_rows=0)
        if not (waits.remaining or waits.unread):
            return 0
        return int((await jobs.enqueue(ctx, Enqueue(kind="memory.maintain", idempotency_key="maintain"))).created)

    return await _everywhere(run, look)


@registry.handler("memory.maintain")
async def maintain_memory(run: Run) -> dict[str, int]:
    """Put an organisation's rows into the vector index and the statistics."""
    done = await memory.maintain(run.ctx)
    return {"indexed": done.indexed, "remaining": done.remaining}


@registry.handler("jobs.prune")
async def prune_jobs(run: Run) -> dict[str, int]:
    """Remove jobs that are long over."""
    return {"removed": await jobs.prune_jobs(run.ctx, **run.job.payload)}


async def _everywhere(run: Run, work: Callable[[Context], Awaitable[int]]) -> dict[str, int]:
    """Do something in every organisation; one that fails keeps no other from it, and fails the job at the end."""
    count = seen = failed = 0
    last: MnemonError | None = None
    async for organization in jobs.every_organization(run.ctx):
        principal = replace(run.job.principal, organization_id=organization)
        try:
            count += await work(run.ctx.as_principal(principal))
        except MnemonError as error:
            failed, last = failed + 1, error
        seen += 1
    if last is not None:
        raise last
    return {"count": count, "organizations": seen, "failed": failed}
