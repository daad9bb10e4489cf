"""Writes src/mnemon/doors/library/namespaces.pyi, the types of a memory's namespaces, from the verbs that they have.

``python scripts/generate_namespaces.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if the
file is not what would be written.
"""

from __future__ import annotations

import enum
import sys
import textwrap
import types
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, IPvAnyAddress, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

import pages
from mnemon.doors.library.groups import GROUPS
from mnemon.doors.library.namespaces import class_name, takings
from mnemon.doors.library.taking import Taking

PLACE = pages.ROOT / "src" / "mnemon" / "doors" / "library" / "namespaces.pyi"
WIDTH = 120
HEADER = '''"""The namespaces of a memory, with their types: generated from the verbs (mnemon.verbs) by `make docs`.

Which verb has which name is in groups.py; change it there.
"""
'''
#: What may be given in place of a type, as the schemas read it.
TAKEN = {
    UUID: "UUID | str",
    datetime: "datetime | date | str",
    date: "date | str",
    time: "time | str",
    SecretStr: "SecretStr | str",
    SecretBytes: "SecretBytes | bytes",
    IPvAnyAddress: "IPvAnyAddress | str",
    IPv4Address: "IPv4Address | str",
    IPv6Address: "IPv6Address | str",
}


class Types:
    """Types as Python writes them, and what has to be imported for them."""

    def __init__(self) -> None:
        self.imports: dict[str, set[str]] = {}
        self._owners = {f"{prefix}{class_name(group)}": __name__ for group in GROUPS for prefix in ("", "Async")}

    def named(self, kind: type) -> str:
        """Return a class's name, imported; another one where two classes have the same."""
        name, module = kind.__name__, "pydantic" if kind.__module__.startswith("pydantic.") else kind.__module__
        if module == "builtins":
            return name
        if self._owners.setdefault(name, module) != module:
            self.imports.setdefault(module, set()).add(
                f"{name} as {(name := module.split('.')[1].capitalize() + name)}"
            )
            return name
        self.imports.setdefault(module, set()).add(name)
        return name

    def of(self, hint: Any, *, taken: bool) -> str:
        """Return a type as it is written; of an argument, with what may be given in its place."""
        if hint is None or hint is types.NoneType:
            return "None"
        if hint is Any:
            self.imports.setdefault("typing", set()).add("Any")
            return "Any"
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self.of(parts[0], taken=taken)
        if origin is Literal:
            self.imports.setdefault("typing", set()).add("Literal")
            return f"Literal[{', '.join(_quoted(part) for part in parts)}]"
        if origin in {types.UnionType, Union}:
            written = [one for part in parts for one in self.of(part, taken=taken).split(" | ")]
            return " | ".join(sorted(dict.fromkeys(written), key=lambda one: {"str": 1, "None": 2}.get(one, 0)))
        if origin is not None:
            return self._generic(origin, parts, taken=taken)
        if taken and hint in TAKEN:
            return self._widened(hint)
        if isinstance(hint, type) and taken and issubclass(hint, BaseModel):
            return f"{self.named(hint)} | {self._mapping('str', 'Any')}"
        if isinstance(hint, type) and taken and issubclass(hint, enum.StrEnum):
            return f"{self.named(hint)} | str"
        if getattr(hint, "__pydantic_generic_metadata__", {}).get("origin") is not None:
            made = hint.__pydantic_generic_metadata__
            inner = ", ".join(self.of(part, taken=taken) for part in made["args"])
            return f"{self.named(made['origin'])}[{inner}]"
        return self.named(hint)

    def _generic(self, origin: Any, parts: tuple[Any, ...], *, taken: bool) -> str:
        inner = [self.of(part, taken=taken) for part in parts if part is not Ellipsis]
        if taken and origin in {tuple, frozenset, list, set} and (origin is not tuple or parts[-1] is Ellipsis):
            name = "Sequence" if origin in {tuple, list} else "Collection"
            self.imports.setdefault("collections.abc", set()).add(name)
            return f"{name}[{inner[0]}]"
        if taken and origin is dict:
            return self._mapping(*inner)
        dots = ", ..." if parts[-1] is Ellipsis else ""
        return f"{self.named(origin)}[{', '.join(inner)}{dots}]"

    def _mapping(self, key: str, value: str) -> str:
        self.imports.setdefault("collections.abc", set()).add("Mapping")
        if value == "Any":
            self.imports.setdefault("typing", set()).add("Any")
        return f"Mapping[{key}, {value}]"

    def _widened(self, hint: Any) -> str:
        self.named(hint)
        if hint is datetime:
            self.named(date)
        return TAKEN[hint]


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def default(field: FieldInfo) -> str:
    """What an argument is if it is left out, as the file has it: in full where that is short."""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, enum.Enum) or not isinstance(value, str | int | float | bool | types.NoneType | tuple):
        return "..."
    if isinstance(value, tuple) and value:
        return "..."
    return _quoted(value)


def parameters(taking: Taking, known: Types) -> list[str]:
    """The arguments of a method, by name."""
    fields = taking.model.model_fields
    written = ["self"]
    for number, name in enumerate(taking.names):
        if number == 0 and name != taking.first:
            written.append("*")
        if number == 1 and taking.first is not None:
            written.append("*")
        field = fields[name]
        hint = known.of(field.annotation, taken=True)
        written.append(f"{name}: {hint}" + ("" if field.is_required() else f" = {default(field)}"))
    return written


def head(function: str, arguments: Sequence[str], answer: str, end: str = ":") -> Iterator[str]:
    """The lines of a method before its docstring."""
    line = f"    {function}({', '.join(arguments)}) -> {answer}{end}"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"    {function}("
    inner = ", ".join(arguments)
    if len(inner) + 8 <= WIDTH and len(arguments) == 1:
        yield f"        {inner}"
    else:
        yield from (f"        {argument}{'' if argument == '/' else ','}" for argument in arguments)
    yield f"    ) -> {answer}{end}"


def docstring(taking: Taking) -> Iterator[str]:
    """The lines of a method's docstring."""
    lines = taking.docstring.replace("``", "`").splitlines()
    if len(lines) == 1:
        yield f'        """{lines[0]}"""'
        return
    yield f'        """{lines[0]}'
    for line in lines[1:]:
        if len(line) + 8 <= WIDTH or not line.startswith("    "):
            yield f"        {line}".rstrip()
        else:
            yield from textwrap.wrap(
                line.strip(),
                WIDTH,
                initial_indent=" " * 12,
                subsequent_indent=" " * 16,
                break_long_words=False,
                break_on_hyphens=False,
            )
    yield '        """'


def method(name: str, taking: Taking, known: Types, *, awaits: bool) -> Iterator[str]:
    """The lines of a method, by its arguments and by its request."""
    function = f"{'async ' if awaits else ''}def {name}"
    answer = known.of(taking.verb.answer, taken=False)
    arguments = parameters(taking, known)
    if taking.verb.request is None:
        yield from head(function, arguments, answer)
        yield from docstring(taking)
        return
    yield "    @overload"
    yield from head(function, arguments, answer)
    yield from docstring(taking)
    yield "    @overload"
    yield from head(function, ["self", f"request: {known.named(taking.verb.request)}", "/"], answer, ": ...")


def cls(group: str, known: Types, *, awaits: bool) -> Iterator[str]:
    """The lines of a namespace's class."""
    yield f"class {'Async' if awaits else ''}{class_name(group)}(Namespace):"
    yield f'    """{GROUPS[group].about}"""'
    for name, taking in takings(group).items():
        yield ""
        yield from method(name, taking, known, awaits=awaits)
    yield ""


def attributes(prefix: str, about: str) -> Iterator[str]:
    """The lines of the class that has all namespaces as attributes."""
    yield f"class {prefix}Namespaces:"
    yield f'    """{about}"""'
    for group in GROUPS:
        yield ""
        yield "    @property"
        yield f"    def {group}(self) -> {prefix}{class_name(group)}:"
        yield f'        """{GROUPS[group].about}"""'
    yield ""


def stub() -> str:
    """The whole file."""
    known = Types()
    known.imports["typing"] = {"Any", "overload"}
    known.imports["mnemon.doors.library.taking"] = {"Taking"}
    body = [
        "class Namespace:",
        '    """The verbs of one kind, of one memory."""',
        "",
        "    def __init__(self, memory: Any) -> None: ...",
        "",
        "def takings(group: str) -> dict[str, Taking]:",
        '    """Return what each method of a namespace takes, by its name."""',
        "",
        "def class_name(group: str) -> str:",
        '    """Return what the class is called that has the methods of a namespace and waits for them."""',
        "",
        "def awaited(group: str) -> type[Namespace]:",
        '    """Return the class of a namespace for code that awaits."""',
        "",
        "def blocking(group: str) -> type[Namespace]:",
        '    """Return the class of a namespace for code that does not await."""',
        "",
    ]
    for awaits in (True, False):
        for group in GROUPS:
            body += cls(group, known, awaits=awaits)
    body += attributes("Async", "What a memory has of namespaces, for code that awaits.")
    body += attributes("", "What a memory has of namespaces, for code that does not await.")
    return f"{HEADER}\n{imported(known)}\n\n" + "\n".join(body).rstrip("\n") + "\n"


def imported(known: Types) -> str:
    """The lines that import what the types need: Python's own first, then pydantic, then ours."""
    ours = sorted(name for name in known.imports if name.startswith("mnemon"))
    theirs = sorted(name for name in known.imports if name.startswith("pydantic"))
    own = sorted(known.imports.keys() - {*ours, *theirs})
    blocks = []
    for block in (own, theirs, ours):
        lines = []
        for module in block:
            names = sorted(known.imports[module], key=lambda name: (not name.isupper(), name))
            line = f"from {module} import {', '.join(names)}"
            if len(line) > WIDTH:
                line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
            lines.append(line)
        if lines:
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def main() -> int:
    """Write the file, or with --check say whether it is stale."""
    return pages.keep_file(PLACE, lambda _: stub(), "the verbs")


if __name__ == "__main__":
    sys.exit(main())
