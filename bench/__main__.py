"""python -m bench [locomo|import|recall|scale|peers|all] --data PATH... --out DIR."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from bench.report import Report

NAMES = ("locomo", "import", "recall", "scale", "peers", "all")


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for."""
    arguments = _parse(argv)
    wanted = ["locomo", "import", "recall", "scale", "peers"] if arguments.name == "all" else [arguments.name]
    for name in wanted:
        command = f"python -m bench {name} " + " ".join(_options(argv))
        began = time.perf_counter()
        report = Report(name, command.strip(), arguments.out)
        asyncio.run(_run(name, report, arguments))
        report.numbers["seconds"] = round(time.perf_counter() - began, 1)
        report.save()
        print(f"{name}: {report.numbers['seconds']} s", flush=True)
    return 0


def _options(argv: list[str] | None) -> list[str]:
    given = sys.argv[1:] if argv is None else argv
    return [one for one in given if one not in NAMES]


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, default="all")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="the LoCoMo directory, a JSONL file, or both")
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    parser.add_argument("--work", type=Path, help="where servers get their directories; default: the system's")
    parser.add_argument("--queries", type=int, default=100, help="questions whose latency is measured")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="locomo: quality of search only")
    return parser.parse_args(argv)


async def _run(name: str, report: Report, given: argparse.Namespace) -> None:
    folder = next((path for path in given.data if path.is_dir()), None)
    if name == "locomo":
        from bench import locomo

        if folder is None:
            raise SystemExit("locomo needs --data DIR with conv-*.json")
        await locomo.run(report, folder, queries=given.queries, rounds=given.rounds, quick=given.quick, work=given.work)
    elif name == "import":
        from bench import importing

        await importing.run(report, _file(given, name), rounds=max(3, given.rounds), work=given.work)


def _file(given: argparse.Namespace, name: str) -> Path:
    found = next((path for path in given.data if not path.is_dir()), None)
    if found is None:
        raise SystemExit(f"{name} needs --data FILE, a JSONL file of utterances")
    return Path(found)


if __name__ == "__main__":
    raise SystemExit(main())
