"""One import in a process of its own, so that its memory can be watched: DATA_DIR FILE."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from mnemon import AsyncMemory


async def _main(data_dir: Path, path: Path) -> None:
    async with AsyncMemory(data_dir=data_dir, organization="long", auto_maintenance=False) as memory:
        report = await memory.import_file(path, format="jsonl")
        print(json.dumps({"seconds": report.seconds, "imported": report.imported}))


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), Path(sys.argv[2])))
