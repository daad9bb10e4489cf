"""worker and jobs: run background work, look at it, cancel it, queue it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mnemon.doors.cli.session import session
from mnemon.doors.cli.state import run, settings, state

if TYPE_CHECKING:
    from mnemon.jobs.schemas import Job

app = typer.Typer(no_args_is_help=True, help="Background jobs of the organisation: list, show, cancel, retry.")

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The job's id.", show_default=False)]


def worker(
    concurrency: Annotated[int, typer.Option(min=1, max=46, metavar="N", help="Jobs at a time.")] = 4,
    queues: Annotated[
        list[str] | None, typer.Option("--queues", "--queue", metavar="NAME", help="Only this queue; repeatable.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due.")] = False,
    lease: Annotated[
        float,
        typer.Option(min=0.5, max=3600, metavar="SECONDS", help="After so long without a sign, others take over."),
    ] = 60.0,
    poll: Annotated[
        float, typer.Option(min=0.05, max=60, metavar="SECONDS", help="Between looks for what has come due.")
    ] = 2.0,
    grace: Annotated[
        float, typer.Option(min=0, max=3600, metavar="SECONDS", help="For running jobs to end when it is stopped.")
    ] = 20.0,
    handlers: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE:NAME", help="A registry of further handlers; repeatable."),
    ] = None,
    schedules: Annotated[
        bool, typer.Option("--schedules/--no-schedules", help="Make the installation's schedules if they are missing.")
    ] = True,
) -> None:
    """Run background jobs of every organisation until SIGTERM or Ctrl-C; as many processes as you like.

    On a server of your own it logs in by DATABASE_WORKER_URL, as a role that an administrator makes: CREATE ROLE
    my_worker LOGIN PASSWORD '...' IN ROLE mnemon_worker.
    """
    from dataclasses import asdict

    from mnemon.doors.cli.output import emit, say
    from mnemon.doors.worker.process import work
    from mnemon.jobs.worker import Worker, WorkerOptions

    def ready(made: Worker) -> None:
        if not once:
            say(f"Worker {made.name} runs {concurrency} jobs at a time; Ctrl-C stops it.")

    options = WorkerOptions(concurrency, queues or None, lease, poll, grace)
    report = run(
        work(settings(), options, handlers=handlers or (), once=once, schedules=schedules, ready=ready),
    )
    if state.json:
        emit(asdict(report))
    else:
        say(", ".join(f"{count} {name}" for name, count in asdict(report).items() if count) or "Nothing was due.")


@app.command("list")
def list_jobs(
    status: Annotated[
        str | None, typer.Option(metavar="STATE", help="queued, running, succeeded, cancelled or dead.")
    ] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Of this kind.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, metavar="N", help="At most so many.")] = 20,
) -> None:
    """List jobs, newest first."""
    from mnemon.core.text import parse
    from mnemon.doors.cli.lists import show_lines
    from mnemon.jobs import service
    from mnemon.jobs.schemas import ListJobs

    request = parse(ListJobs, {"status": status, "kind": kind, "limit": limit})
    with session() as opened:
        page = opened.run(_with(opened.memory, lambda ctx: service.list_jobs(ctx, request)))
    nothing = "No such jobs." if status or kind else "No jobs. The installation's own are not in an organisation."
    show_lines(page, page.items, _line, nothing=nothing)


@app.command()
def show(job_id: Id) -> None:
    """Show a job: its state, progress, result, errors and what it went through."""
    from mnemon.doors.cli.output import clean, emit, jsonable
    from mnemon.jobs import service

    with session() as opened:
        job = opened.run(_with(opened.memory, lambda ctx: service.get_job(ctx, job_id)))
    if state.json:
        emit(job)
        return
    data = {name: value for name, value in job if value not in (None, (), {})}
    steps = data.pop("states", ())
    width = max(map(len, data))
    for name, value in data.items():
        typer.echo(f"{name.replace('_', ' '):<{width}}  {clean(str(jsonable(value)))}")
    for step in steps:
        detail = " ".join(str(part) for part in (step.worker, step.code) if part)
        typer.echo(f"{step.at:%Y-%m-%d %H:%M:%S}  {step.status.value} (attempt {step.attempt}) {detail}".rstrip())


@app.command()
def cancel(job_id: Id) -> None:
    """Cancel a job: at once while it is queued; where it runs, its worker is told."""
    from mnemon.doors.cli.output import emit, say
    from mnemon.jobs import service

    with session() as opened:
        cancelled = opened.run(_with(opened.memory, lambda ctx: service.cancel_job(ctx, job_id)))
    if state.json:
        emit(cancelled)
    else:
        say("Cancelled." if cancelled.status == "cancelled" else "It runs; its worker was told to stop it.")


@app.command()
def retry(job_id: Id) -> None:
    """Queue a dead or cancelled job again, now, with all its attempts."""
    from mnemon.doors.cli.output import emit, say
    from mnemon.jobs import service

    with session() as opened:
        job = opened.run(_with(opened.memory, lambda ctx: service.retry_job(ctx, job_id)))
    if state.json:
        emit(job)
    else:
        say(f"{job.kind} is queued again.")


async def _with(memory: Any, call: Any) -> Any:
    """Call a verb of the queue in the organisation of the open memory."""
    return await call(await memory.open())


def _line(job: Job) -> str:
    from mnemon.doors.cli.output import one_line
    from mnemon.doors.cli.times import day_and_time

    parts = [str(job.id), f"{job.status.value:<9}", day_and_time(job.created_at), job.kind]
    if job.status == "running":
        parts.append(f"{job.progress} %")
    if job.last_error and job.status in {"queued", "dead"}:
        parts.append(f"attempt {job.attempt}/{job.max_attempts}: {one_line(job.last_error)[:100]}")
    return "  ".join(parts)
