"""python -m bench NAME --data PATH... --out DIR."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

from bench.report import Report

EVERYTHING = (
    "locomo",
    "languages",
    "changes",
    "import",
    "importers",
    "peers",
    "statements",
    "metrics",
    "dashboard",
    "replicas",
    "backup",
    "pooling",
    "faults",
    "export",
    "encryption",
    "processes",
    "http",
    "wall",
    "exact",
    "meetings",
    "first",
    "scale",
)
NAMES = (*EVERYTHING, "recall", "all")


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for."""
    arguments = _parse(argv)
    wanted = list(EVERYTHING) if arguments.name == "all" else [arguments.name]
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
    """What was given, as somebody else would give it: data by their names, nothing of where this machine keeps it."""
    given = list(sys.argv[1:] if argv is None else argv)
    for place in ("--out", "--work", "--keep"):
        if place in given:
            at = given.index(place)
            del given[at : at + 2]
    return [Path(one).name if "/" in one else one for one in given if one not in NAMES]


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, default="all")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="the LoCoMo directory, a JSONL file, or both")
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    parser.add_argument("--work", type=Path, help="where servers get their directories; default: the system's")
    parser.add_argument("--gb", type=float, default=1.0, help="backup: size of the database")
    parser.add_argument("--queries", type=int, default=100, help="questions whose latency is measured")
    parser.add_argument("--calls", type=int, default=1000, help="processes: calls of each kind of server or pool")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        help="recall, scale: memories of the organisations measured; dashboard: measurements",
    )
    parser.add_argument("--others", type=int, default=1000, help="recall, scale: other organisations")
    parser.add_argument("--other-rows", type=int, default=200_000, help="recall, scale: memories of the others")
    parser.add_argument("--keep", type=Path, help="recall, scale, statements: keep the loaded server for the next run")
    parser.add_argument(
        "--embedder", nargs="+", help="languages: EMBEDDING_MODELs to compare; locomo, import: the first"
    )
    parser.add_argument("--quick", action="store_true", help="locomo: quality of search only; the others: few rows")
    given = parser.parse_args(argv)
    if given.keep is not None:
        given.keep = given.keep.absolute()
        given.keep.mkdir(parents=True, exist_ok=True)
    return given


async def _run(name: str, report: Report, given: argparse.Namespace) -> None:
    folder = next((path for path in given.data if path.is_dir()), None)
    if name == "locomo":
        from bench import locomo

        if folder is None:
            raise SystemExit("locomo needs --data DIR with conv-*.json")
        await locomo.run(
            report,
            folder,
            queries=given.queries,
            rounds=given.rounds,
            quick=given.quick,
            work=given.work,
            embedder=_embedder(given),
        )
    elif name == "changes":
        from bench import changes

        await changes.run(report, work=given.work, embedder=_embedder(given))
    elif name == "languages":
        from bench import languages

        await languages.run(report, embedders=given.embedder or languages.EMBEDDERS, work=given.work)
    elif name == "import":
        from bench import importing

        await importing.run(
            report, _file(given, name), rounds=max(3, given.rounds), work=given.work, embedder=_embedder(given)
        )
    elif name == "importers":
        from bench import importers

        await importers.run(report, messages=500 if given.quick else 5_000)
    elif name in {"recall", "scale"}:
        from bench import scale

        sizes = given.sizes or (scale.SIZES if name == "scale" else scale.SIZES[:2])
        await scale.run(
            report,
            _file(given, name),
            sizes=sizes,
            others=given.others,
            other_rows=given.other_rows,
            queries=min(given.queries, 40),
            work=given.work,
            keep=given.keep,
        )
    elif name == "statements":
        from bench import statements

        size = {"organizations": 50, "rows": 20_000} if given.quick else {}
        await statements.run(report, work=given.work, keep=given.keep, **size)
    elif name == "metrics":
        from bench import metrics

        await metrics.run(report, rows=100_000 if given.quick else 1_000_000, rounds=given.rounds, work=given.work)
    elif name == "backup":
        from bench import backup

        await backup.run(report, gigabytes=given.gb, work=given.work)
    elif name == "replicas":
        from bench import replicas

        await replicas.run(report, seconds=8.0 if given.quick else 30.0, work=given.work)
    elif name == "pooling":
        from bench import pooling

        await pooling.run(report, seconds=2.0 if given.quick else 10.0, rounds=max(3, given.rounds))
    elif name == "faults":
        from bench import faults

        await faults.run(report)
    elif name == "dashboard":
        from bench import dashboard

        sizes = given.sizes or ((200_000, 400_000) if given.quick else dashboard.SIZES)
        await dashboard.run(report, sizes=sizes, rounds=given.rounds, work=given.work)
    elif name == "export":
        from bench import export

        await export.run(report, rows=20_000 if given.quick else 120_000, rounds=given.rounds, work=given.work)
    elif name == "encryption":
        from bench import encryption

        await encryption.run(report, rows=500 if given.quick else 5_000, rounds=given.rounds, work=given.work)
    elif name == "processes":
        from bench import processes

        await processes.run(report, calls=50 if given.quick else given.calls, work=given.work)
    elif name == "http":
        from bench import serving

        await serving.run(report, calls=100 if given.quick else given.calls, seconds=3.0, work=given.work)
    elif name == "wall":
        from bench import wall

        if folder is None:
            raise SystemExit("wall needs --data DIR with conv-*.json")
        await wall.run(report, folder, queries=20 if given.quick else 60, rounds=max(3, given.rounds), work=given.work)
    elif name == "exact":
        from bench import exact

        size = {"rows": 2_000, "questions": 100} if given.quick else {}
        await exact.run(report, work=given.work, **size)
    elif name == "meetings":
        from bench import meetings

        if folder is None:
            raise SystemExit("meetings needs --data DIR, the directory data of QMSum")
        await meetings.run(report, folder, rounds=given.rounds, work=given.work, embedder=_embedder(given))
    elif name == "first":
        from bench import first

        await first.run(report, _file(given, name), rounds=3 if given.quick else 7, work=given.work)
    elif name == "peers":
        from bench import peers

        if folder is None:
            raise SystemExit("peers needs --data DIR FILE: conv-*.json, and a JSONL file of utterances")
        await peers.run(
            report, folder, _file(given, name), rounds=1 if given.quick else max(3, given.rounds), work=given.work
        )


def _embedder(given: argparse.Namespace) -> str:
    return str(given.embedder[0]) if given.embedder else "builtin"


def _file(given: argparse.Namespace, name: str) -> Path:
    found = next((path for path in given.data if not path.is_dir()), None)
    if found is None:
        raise SystemExit(f"{name} needs --data FILE, a JSONL file of utterances")
    return Path(found)


if __name__ == "__main__":
    raise SystemExit(main())
