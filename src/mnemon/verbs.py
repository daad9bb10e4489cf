"""The registry of verbs: each with its permission, request and answer, for whoever offers, describes or tests them.

A verb is a public function of a domain's service, a :class:`Context` first, and says once what it needs::

    @verb("tasks:write")
    async def create_task(ctx: Context, request: CreateTask) -> Task: ...

Its permission is looked at before its body runs. :func:`every` gives the list of them; importing this module loads
none.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, TypeVar

from mnemon.context import Context
from mnemon.core.errors import NotFound
from mnemon.core.text import Schema

#: The permission of a trusted process: the organisation's own, which holds all of them.
TRUSTED = "*"
#: Packages beside the domains' services that have verbs too.
_BESIDE = ("mnemon.installation.export",)

F = TypeVar("F", bound=Callable[Concatenate[Context, ...], Coroutine[Any, Any, Any]])

_REGISTRY: dict[str, Verb] = {}


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb and what is to be known of it before it is called.

    Attributes:
        name: ``domain.function``; unique.
        function: what is called; it checks whoever asks.
        permissions: ``resource:action`` strings; ``*`` for a trusted process. One, which is needed always; several, of
            which ``rule`` says when which one is; or none.
        rule: what decides between the permissions, or why none is needed; empty where there is one.
        changes: whether it may change anything; if not, all its transactions are read-only.
        installation: whether it is the installation's own work, which no organisation may do.
    """

    name: str
    function: Callable[..., Coroutine[Any, Any, Any]]
    permissions: tuple[str, ...]
    rule: str
    changes: bool
    installation: bool

    @property
    def domain(self) -> str:
        """The package that it belongs to."""
        return self.name.partition(".")[0]

    @property
    def summary(self) -> str:
        """What it does, in a sentence: the first line of its docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The types of what it takes beside the context, by name."""
        hints = typing.get_type_hints(self.function)
        return {name: hints[name] for name in list(inspect.signature(self.function).parameters)[1:]}

    @property
    def request(self) -> type[Schema] | None:
        """The schema of its request; None where it takes ids and keywords."""
        for hint in self.parameters.values():
            for kind in typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,):
                if inspect.isclass(kind) and issubclass(kind, Schema):
                    return kind
        return None

    @property
    def answer(self) -> Any:
        """The type of what it answers."""
        return typing.get_type_hints(self.function)["return"]


def verb(
    *permissions: str, rule: str = "", changes: bool | None = None, installation: bool = False
) -> Callable[[F], F]:
    """Register a verb, and let nobody call it who has not its permission.

    Args:
        permissions: one: it is required before the body runs. Several: the verb itself asks for the one that is needed.
            None: anybody may call it.
        rule: what decides between several permissions, or why none is needed.
        changes: whether it may change anything. Left out, it reads if its permissions all end with ``:read``.
        installation: it is the installation's own work: no organisation may call it, whatever its permissions.

    Raises:
        TypeError: there is not exactly one permission and no rule says why, or one and a rule; or there is another verb
            of the name.
    """
    if (len(permissions) == 1) is bool(rule):
        raise TypeError("A verb has one permission, or a rule that says which of several is needed or why none is.")
    if changes is None:
        changes = not permissions or not all(permission.endswith(":read") for permission in permissions)

    def register(function: F) -> F:
        guarded = _guarded(function, permissions[0], installation) if len(permissions) == 1 else function
        name = f"{function.__module__.split('.')[1]}.{function.__name__}"
        if name in _REGISTRY:
            raise TypeError(f"There are two verbs {name}.")
        _REGISTRY[name] = Verb(name, guarded, permissions, rule, changes, installation)
        return guarded

    return register


def _guarded(function: F, permission: str, installation: bool) -> F:
    if installation:

        @functools.wraps(function)
        async def guarded(ctx: Context, *args: Any, **kwargs: Any) -> Any:
            ctx.principal.require(permission)
            ctx.principal.require_installation()
            return await function(ctx, *args, **kwargs)

    else:

        @functools.wraps(function)
        async def guarded(ctx: Context, *args: Any, **kwargs: Any) -> Any:
            ctx.principal.require(permission)
            return await function(ctx, *args, **kwargs)

    return typing.cast("F", guarded)


@functools.cache
def every() -> tuple[Verb, ...]:
    """Return every verb of every domain, by name; the first call imports them all."""
    root = importlib.import_module(__name__.partition(".")[0])
    for package in pkgutil.iter_modules(root.__path__, f"{root.__name__}."):
        if package.ispkg and importlib.util.find_spec(f"{package.name}.service"):
            importlib.import_module(f"{package.name}.service")
    for name in _BESIDE:
        importlib.import_module(name)
    return tuple(_REGISTRY[name] for name in sorted(_REGISTRY))


def find(name: str) -> Verb:
    """Return the verb of a name, ``domain.function``; imports all domains only if it is not known yet.

    Raises:
        NotFound: there is none.
    """
    if name not in _REGISTRY:
        every()
    if name not in _REGISTRY:
        raise NotFound(f"There is no verb {name!r}.", code="not_found.verb", hint="docs/verbs.md has them all.")
    return _REGISTRY[name]
