"""Writes docs/settings.md from the fields of Settings.

``python scripts/generate_settings_doc.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if
the page is not what would be written.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

import pages
from mnemon.core.settings import NEVER_FROM_A_FILE, Settings

INTRODUCTION = """\
<!-- Generated from src/mnemon/core/settings.py by `make docs`. Change the field there. -->

# Settings

Every setting is optional. With none set, Mnemon starts its own PostgreSQL and uses the built-in embedder.

A setting is read from the environment, then from a file that is named (`mnemon --env-file FILE`, MNEMON_ENV_FILE or
`Memory(env_file=...)`), then from its default; what the library is given as an argument wins over all of these. Where
two names are given the first one wins, and case does not matter. Secrets never appear in a log line or in an error
message.

No file is read because it lies somewhere, as a `.env` in the working directory: whoever made a directory would command
whoever works in it. A file that is named has `NAME=value` lines, belongs to its user or to root, and nobody else may
write it. What is marked * names what is run, and is not taken from a file: it is set in the environment. A program in a
command is named by its whole path, or found in a directory of PATH that only its user or root may write.

"""


def env_names(name: str, field: FieldInfo) -> list[str]:
    """The environment variables that set a field, the one that wins first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [choice.upper() for choice in alias.choices if isinstance(choice, str)]
    if isinstance(alias, str):
        return [alias.upper()]
    prefix = Settings.model_config.get("env_prefix", "")
    return [f"{prefix}{name}".upper()]


def type_name(annotation: object) -> str:
    """An annotation as a reader of the page would say it."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return " or ".join(type_name(part) for part in get_args(annotation) if part is not types.NoneType)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    names = {SecretStr: "secret", str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}
    if isinstance(annotation, type):
        return names.get(annotation, annotation.__name__)
    return str(annotation)


def bounds(field: FieldInfo) -> str:
    """The limits of a value or of a text's length, in words."""
    signs = {"ge": "at least {}", "gt": "more than {}", "le": "at most {}", "lt": "less than {}"}
    lengths = {"min_length": "{} or more characters", "max_length": "up to {} characters"}
    found = [
        words.format(value)
        for limit in field.metadata
        for name, words in (signs | lengths).items()
        if (value := getattr(limit, name, None)) is not None
    ]
    return ", ".join(found)


def default(field: FieldInfo) -> str:
    """The default, as one would write it in a .env file."""
    if field.default is None:
        return "unset"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return f"`{field.default}`"


def prose(text: str) -> str:
    """Text whose <angle brackets> are not taken for HTML; what stands in `backticks` stays as it is."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", "\\<") for part in parts[::2]]
    return "`".join(parts)


def cell(text: str) -> str:
    """Text that cannot break a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def page() -> str:
    """The whole page."""
    lines = ["| environment | type | default | bounds | meaning |", "|---|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = field.description or name.replace("_", " ")
        cells = (
            "<br>".join(f"`{env}`" for env in env_names(name, field)) + (" *" if name in NEVER_FROM_A_FILE else ""),
            type_name(field.annotation),
            default(field),
            bounds(field),
            prose(meaning),
        )
        lines.append("| " + " | ".join(cell(text) for text in cells) + " |")
    return INTRODUCTION + "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep("settings.md", lambda _: page(), "the settings")


if __name__ == "__main__":
    sys.exit(main())
