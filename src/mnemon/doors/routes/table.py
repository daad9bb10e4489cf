"""A line of the table of routes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAMES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """How a verb is called over HTTP.

    Attributes:
        verb: its name in the registry (``mnemon.verbs``), such as ``workspace.create_task``.
        method: GET, POST, PATCH, PUT or DELETE.
        path: below ``/v1``: ``/tasks/{task_id}``. Names in braces are fields of the request, or parameters of the verb;
            they are ids.
        status: of an answer that went well; 204 where the verb answers nothing.
        door: fields that whoever serves fills by what it sees itself, such as the address a call comes from.
    """

    verb: str
    method: str
    path: str
    status: int = 200
    door: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the path's braces, in their order."""
        return tuple(_NAMES.findall(self.path))

    @property
    def shape(self) -> str:
        """The path without its names: what two routes must not have in common, with the method."""
        return _NAMES.sub("{}", self.path)

    @property
    def in_query(self) -> bool:
        """Whether fields that are not in the path travel in the query; if not, in a body."""
        return self.method in {"GET", "DELETE"}
