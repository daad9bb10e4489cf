"""Who a speaker is to a model, in whatever word a client or a file has for it."""

from __future__ import annotations

from typing import Literal

Role = Literal["user", "assistant", "system", "tool"]

_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "agent": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
}


def role_of(value: object) -> Role | None:
    """Return the role that a source's word for it means (``human`` is a user, ``bot`` an assistant), or None."""
    return _ROLES.get(value.strip().casefold()) if isinstance(value, str) else None
