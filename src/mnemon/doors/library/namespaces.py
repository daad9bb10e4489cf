"""The namespaces of a memory: `memory.tasks`, `memory.graph` and the others of `groups.py`.

Each is a class whose methods are made of the verbs when it is first used; what has never been used is not loaded. Their
types are in namespaces.pyi, which `make docs` writes of the same verbs.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any

from mnemon import verbs
from mnemon.doors.library.groups import GROUPS
from mnemon.doors.library.taking import Taking


class Namespace:
    """The verbs of one kind, of one memory."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    def __repr__(self) -> str:
        """Return what it has, for whoever looks at a prompt."""
        return f"<{type(self).__name__}: {', '.join(name for name in vars(type(self)) if name[0] != '_')}>"


class _Attribute:
    """A namespace of a memory, which is there once it is asked for."""

    def __init__(self, name: str, make: Callable[[str], type[Namespace]]) -> None:
        self._name = name
        self._make = make

    def __get__(self, memory: Any, owner: type) -> Any:
        """Return the namespace of this memory; of the class itself, the namespace's class."""
        made = self._make(self._name)
        if memory is None:
            return made
        namespace = vars(memory)[self._name] = made(memory)
        return namespace


def takings(group: str) -> dict[str, Taking]:
    """Return what each method of a namespace takes, by its name."""
    found = GROUPS[group].verbs
    for name in found.values():
        importlib.import_module(f"mnemon.{name.partition('.')[0]}.service")
    return {method: Taking(verbs.find(name), f"{group}.{method}") for method, name in found.items()}


def class_name(group: str) -> str:
    """Return what the class is called that has the methods of a namespace and waits for them."""
    return group.capitalize()


@cache
def awaited(group: str) -> type[Namespace]:
    """Return the class of a namespace for code that awaits."""
    return _made(f"Async{class_name(group)}", group, _awaiting)


@cache
def blocking(group: str) -> type[Namespace]:
    """Return the class of a namespace for code that does not await."""
    return _made(class_name(group), group, _waiting)


def _made(name: str, group: str, method: Callable[[Taking], Callable[..., Any]]) -> type[Namespace]:
    methods: dict[str, Any] = {}
    for called, taking in takings(group).items():
        function = methods[called] = method(taking)
        function.__name__, function.__qualname__ = called, f"{name}.{called}"
        function.__module__, function.__doc__ = __name__, taking.docstring
        function.__signature__ = taking.signature  # type: ignore[attr-defined]
    return type(name, (Namespace,), {"__doc__": GROUPS[group].about, "__module__": __name__, **methods})


def _awaiting(taking: Taking) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def call(self: Namespace, /, *one: Any, **fields: Any) -> Any:
        return await self._memory._asked(taking, one, fields)  # noqa: SLF001 - a part of the memory

    return call


def _waiting(taking: Taking) -> Callable[..., Any]:
    def call(self: Namespace, /, *one: Any, **fields: Any) -> Any:
        return self._memory._waited(taking, one, fields)  # noqa: SLF001 - a part of the memory

    return call


class AsyncNamespaces:
    """What a memory has of namespaces, for code that awaits."""


class Namespaces:
    """What a memory has of namespaces, for code that does not await."""


for _name in GROUPS:
    setattr(AsyncNamespaces, _name, _Attribute(_name, awaited))
    setattr(Namespaces, _name, _Attribute(_name, blocking))

_CLASSES = {f"Async{class_name(group)}": (awaited, group) for group in GROUPS}
_CLASSES |= {class_name(group): (blocking, group) for group in GROUPS}


def __getattr__(name: str) -> type[Namespace]:
    """Return the class of a namespace, such as ``AsyncTasks``; made on first use."""
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    make, group = _CLASSES[name]
    return make(group)
