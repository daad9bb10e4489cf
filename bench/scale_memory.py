"""scale's processes: what the copy of one organisation takes in a process that has nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.machine import resident_mb
from bench.scale_data import Organization
from bench.server import Server
from mnemon import AsyncMemory
from mnemon.core.settings import load_settings

_ROOT = Path(__file__).resolve().parents[1]


async def resident(admin: Any, place: Server, one: Organization) -> dict[str, Any]:
    """Search an organisation in a process of its own, and return what it measured."""
    question = await admin.fetchval(
        "SELECT content FROM memories WHERE organization_id = $1 ORDER BY ordinal LIMIT 1", one.id
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.scale_memory",
        str(place.data_dir),
        one.slug,
        question,
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    measured: dict[str, Any] = json.loads(answer)
    return {"memories": one.rows, **measured}


async def _measure(data_dir: str, slug: str, question: str) -> dict[str, float]:
    settings = load_settings(data_dir=Path(data_dir), database_url=None, auto_maintenance=False)
    async with AsyncMemory(settings) as memory:
        home = await memory.organization(slug)
        ctx = await home.open()
        before, began = resident_mb(os.getpid()), time.perf_counter()
        sizes = [before]

        async def watch() -> None:
            while True:
                await asyncio.sleep(0.05)
                sizes.append(resident_mb(os.getpid()))

        watching = asyncio.create_task(watch())
        await home.search(question, k=10)
        first = time.perf_counter() - began
        await ctx.background.settled()
        read = time.perf_counter() - began - first
        for _ in range(20):
            await home.search(question, k=10)
        watching.cancel()
        return {
            "first_s": first,
            "read_s": read,
            "copy_mb": ctx.copies.bytes / 2**20,
            "before_mb": before,
            "after_mb": resident_mb(os.getpid()),
            "most_mb": max(sizes),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_measure(*sys.argv[1:]))))
