"""Writes docs/openapi.json, the description of HTTP, and the list of routes in docs/http.md.

``python scripts/generate_openapi.py`` writes them; with ``--check`` nothing is written, and the exit code is 1 if one
of them is not what would be written.
"""

from __future__ import annotations

import json
import sys

import pages
from mnemon import verbs
from mnemon.doors import routes
from mnemon.doors.http.app import create, described

BEGIN = "<!-- routes: generated from src/mnemon/doors/routes by `make docs` -->\n"
END = "<!-- routes end -->\n"


def description(_text: str) -> str:
    """The description as a file."""
    return json.dumps(described(create()), indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def listed() -> str:
    """The routes, a table a domain."""
    lines: list[str] = []
    domain = ""
    for route in sorted(routes.every(), key=lambda one: one.verb.partition(".")[0]):
        verb = verbs.find(route.verb)
        if verb.domain != domain:
            domain = verb.domain
            lines += ["", f"### {domain}", "", "| | permission | |", "|---|---|---|"]
        needs = " or ".join(f"`{one}`" for one in verb.permissions) or "none"
        path = routes.published()[route.verb]
        lines.append(f"| `{route.method} /v1{path}` | {needs} | {verb.summary} |")
    return "\n".join(lines).strip()


def page(text: str) -> str:
    """The page with its routes as they are."""
    return pages.between(text, BEGIN, END, listed(), "http.md")


if __name__ == "__main__":
    source = "the routes and their schemas"
    sys.exit(max(pages.keep("openapi.json", description, source), pages.keep("http.md", page, source)))
