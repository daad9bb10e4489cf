"""One kit for domains: every list is asked for and answered alike, and what the kit has is written nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mnemon import verbs
from mnemon.core.pages import Page, PageRequest
from tests.house.helpers import ROOT
from tests.inside.lists import every_list, is_page

SOURCE = ROOT / "src" / "mnemon"
#: Where each part of the kit is, by the name that nobody else gives to a class or a function.
KIT = {
    "Page": "core/pages.py",
    "PageRequest": "core/pages.py",
    "read_cursor": "core/cursors.py",
    "write_cursor": "core/cursors.py",
    "Backoff": "core/backoff.py",
    "changes": "core/changes.py",
    "Listing": "db/listing.py",
    "from_row": "db/rows.py",
    "parsed": "db/rows.py",
    "missing": "db/rows.py",
}
#: They know no domain's rows.
APART = ("installation", "adapters", "ai", "doors")


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith(APART):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def test_every_list_is_asked_for_a_page_and_gives_one() -> None:
    named = {verb.name for verb in verbs.every() if verb.name.partition(".")[2].startswith("list_")}
    wrong = []
    for name in sorted(named | every_list()):
        verb = verbs.find(name)
        asks = verb.request is not None and issubclass(verb.request, PageRequest)
        if list(verb.parameters) != ["request"] or not asks or not is_page(verb.answer):
            wrong.append(name)
    assert not wrong, (
        f"{wrong}: a list is `async def list_things(ctx: Context, request: ListThings) -> Page[Thing]`; ListThings "
        "is a PageRequest. mnemon.db.listing reads its pages (docs/development.md, Add a list)."
    )
    assert len(named) > 20


def test_bounds_of_a_page_are_in_one_place() -> None:
    for name in sorted(every_list()):
        request = verbs.find(name).request
        assert request is not None
        for field in ("limit", "cursor"):
            inherited, own = PageRequest.model_fields[field], request.model_fields[field]
            assert (own.annotation, own.metadata) == (inherited.annotation, inherited.metadata), (name, field)


def test_nothing_of_the_kit_is_written_twice() -> None:
    again = []
    for name, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                home = KIT.get(node.name.removeprefix("_"), name)
                if home != name:
                    again.append(f"{name}:{node.lineno} {node.name}")
    assert not again, f"{again}: use what {sorted(set(KIT.values()))} have."


def test_no_class_is_a_page_of_its_own() -> None:
    found = [
        f"{name}:{node.lineno} {node.name}"
        for name, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Page") and name != "core/pages.py"
    ]
    assert not found, f"{found}: Page[T] of mnemon.core.pages is the only one."


def test_no_list_counts_the_rows_before_its_page() -> None:
    """With an offset, a row that was added or removed meanwhile shows another twice or passes it over."""
    found = [
        f"{name}:{node.lineno}"
        for name, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "offset"
    ]
    assert not found


def test_a_page_is_always_a_tuple_and_says_whether_it_is_the_last() -> None:
    assert set(Page.model_fields) == {"items", "next_cursor"}
    assert Page[int](items=[1, 2]).items == (1, 2)
    assert Page[int](items=()).model_dump() == {"items": (), "next_cursor": None}


def test_parts_of_the_kit_are_where_they_are_looked_for() -> None:
    assert all((SOURCE / Path(home)).is_file() for home in KIT.values())
