"""first: what a process waits for its first answer, beside its later ones, and what the command line takes for one."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

from bench.measure import number
from bench.report import Report
from bench.server import Server, server
from bench.texts import Sentences

#: What a process does that has just begun; it prints the seconds of each step.
CHILD = """
import asyncio, json, sys, time
began = time.perf_counter()
from mnemon import AsyncMemory

async def main():
    steps = {"import": time.perf_counter() - began}
    memory = AsyncMemory(data_dir=sys.argv[1])
    start = time.perf_counter()
    await memory.open()
    steps["open"] = time.perf_counter() - start
    times = []
    for question in json.loads(sys.argv[2]):
        start = time.perf_counter()
        await memory.recall(question, user="ada")
        times.append(time.perf_counter() - start)
    steps |= {"first": times[0], "later": sorted(times[1:])[len(times) // 2]}
    await memory.close()
    print(json.dumps(steps))

asyncio.run(main())
"""
QUESTIONS = tuple(f"What was said about number {n}?" for n in range(41))
_STEPS = {
    "import": "`import mnemon`, with what its verbs need",
    "open": "the memory opens: connections, checks, embedder",
    "first": "the first recall",
    "later": "a later recall",
    "command": "`mnemon recall` from the shell, all of it",
}


async def run(
    report: Report, transcript: Path, *, rows: int = 2_000, rounds: int = 7, work: Path | None = None
) -> None:
    """Fill a server, and begin processes one after the other while it runs.

    Args:
        report: takes the results.
        transcript: a JSONL file of utterances, whose pieces are what is remembered.
        rows: memories of the person who is asked about.
        rounds: processes of each kind; the medians count.
        work: where the server's directory is made.
    """
    steps: dict[str, list[float]] = {name: [] for name in _STEPS}
    async with server(report, work=work) as place:
        async with place.memory() as memory:
            sentences = Sentences(transcript, seed=1)
            await memory.remember([{"content": sentences.one(), "user": "ada"} for _ in range(rows)])
            await memory.maintain()
        for turn in range(rounds + 1):
            done = json.loads(await _child(place, "-c", CHILD, str(place.data_dir), json.dumps(QUESTIONS)))
            began = time.perf_counter()
            await _child(place, "-m", "mnemon", "recall", QUESTIONS[0], "--user", "ada")
            done["command"] = time.perf_counter() - began
            if turn:  # the first round warms the disk's cache up
                for name, seconds in done.items():
                    steps[name].append(seconds)
    middle = {name: 1000 * median(times) for name, times in steps.items()}
    report.numbers |= {"rows": rows, "milliseconds": middle, "ratio": middle["first"] / middle["later"]}
    report.table(
        f"Milliseconds, medians of {rounds} processes that begin one after the other while the server runs; "
        f"{rows:,} memories of the person who is asked about:",
        ("", "ms"),
        [(what, number(middle[name])) for name, what in _STEPS.items()],
    )
    report.say(f"The first recall takes {report.numbers['ratio']:.1f} times a later one.")


async def _child(place: Server, *arguments: str) -> str:
    """What a new process prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, "MNEMON_DATA_DIR": str(place.data_dir)},
        stdout=asyncio.subprocess.PIPE,
    )
    shown, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"a process ended with {process.returncode}")
    return shown.decode()
