"""Which step waits for which: rules of a workflow's graph, and the order it can run in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from pydantic_core import PydanticCustomError


def check_names(names: Iterable[str]) -> None:
    """Refuse two steps of one name."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PydanticCustomError("duplicate_step", "two steps are named {name}", {"name": name})
        seen.add(name)


def check_dependencies(names: Collection[str], dependencies: Mapping[str, Collection[str]]) -> None:
    """Refuse dependencies on or of what is no step, and steps that wait for each other in a circle."""
    known = set(names)
    for step, needed in dependencies.items():
        for name in (step, *needed):
            if name not in known:
                raise PydanticCustomError("unknown_step", "there is no step {name}", {"name": name})
    if len(order(names, dependencies)) < len(known):
        raise PydanticCustomError("cycle", "some steps wait for each other in a circle")


def order(names: Collection[str], dependencies: Mapping[str, Collection[str]]) -> list[str]:
    """Return the steps in an order that keeps dependencies, first come first; steps of a circle are left out."""
    waiting = {name: set(dependencies.get(name, ())) for name in names}
    followers: dict[str, list[str]] = {name: [] for name in names}
    for name, needed in waiting.items():
        for one in needed:
            followers[one].append(name)
    ready = [name for name in names if not waiting[name]]
    for name in ready:  # grows while it is read
        for follower in followers[name]:
            waiting[follower].discard(name)
            if not waiting[follower]:
                ready.append(follower)
    return ready
