"""Names and docstrings use plain words: what a newcomer reads is understood at first reading (docs/glossary.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from .helpers import SOURCE

Function = ast.FunctionDef | ast.AsyncFunctionDef

#: Locals that do not say what they hold; a function of ten lines or fewer shows it itself.
VAGUE = {
    "done", "found", "given", "here", "kept", "known", "looked", "made", "more", "named", "one", "place", "rest",
    "said", "there", "told", "wanted", "what", "who", "whom",
}  # fmt: skip
LINES = 10
#: Words that a sentence about what a function does cannot begin with.
NO_VERB = set(
    "A All An As At Both By Each Every For From How If In It Its No Nobody Nothing Of On One Some Such That The There "
    "These This Those To What When Where Whether Which Who Whom Whose Why With Without".split()
)
#: What transactions were called once.
OLD = re.compile(r"\.(hot|unit|anonymous)\(|database\.(reading|read)\(")


def functions() -> Iterator[tuple[Path, Function]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path.relative_to(SOURCE), node


def vague(function: Function) -> set[str]:
    """Names without a meaning that a long function assigns to."""
    if (function.end_lineno or function.lineno) - function.lineno < LINES:
        return set()
    stored = (node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in stored} & VAGUE


def is_described_otherwise(function: Function) -> bool:
    """Properties are named like what they are; a group of commands describes the group."""
    decorators = " ".join(ast.unparse(decorator) for decorator in function.decorator_list)
    return "property" in decorators or ".callback(" in decorators or function.name == "_options"


def test_the_rules_find_what_they_are_for() -> None:
    body = "\n".join(f"    step({n})" for n in range(LINES))
    (function,) = ast.parse(f"def f():\n    found = 1\n{body}\n").body
    assert isinstance(function, ast.FunctionDef)
    assert vague(function) == {"found"}
    assert OLD.search("async with ctx.database.hot(ctx.principal) as connection:")


def test_locals_of_long_functions_say_what_they_hold() -> None:
    wrong = [
        f"{path}: {function.name}: {', '.join(sorted(names))}"
        for path, function in functions()
        if (names := vague(function))
    ]
    assert not wrong, "name what they hold:\n" + "\n".join(wrong)


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    wrong = []
    for path, function in functions():
        docstring = ast.get_docstring(function)
        if docstring and not is_described_otherwise(function):
            first = docstring.split()[0].rstrip(",.:;")
            if first in NO_VERB or first.startswith("("):
                wrong.append(f"{path}:{function.lineno} {function.name}: {docstring.splitlines()[0]}")
    assert not wrong, "say what the function does, beginning with a verb:\n" + "\n".join(wrong)


def test_transactions_have_the_names_of_the_glossary() -> None:
    wrong = [
        f"{path.relative_to(SOURCE)}: {match[0]}"
        for path in sorted(SOURCE.rglob("*.py"))
        if (match := OLD.search(path.read_text(encoding="utf-8")))
    ]
    assert not wrong, "transaction, session, read_transaction, read_session, untenanted (docs/glossary.md)"
