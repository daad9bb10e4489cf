"""What is known, bounded and not closed: each with its reason, counted apart and tried like everything else.

An entry that nothing meets any more fails the test: the list says what is, not what was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """Tries whose names match may come to this.

    Attributes:
        name: a pattern of the whole name of a try.
        allows: what they may come to: ``done`` (it is not refused), ``ids`` (ids of B show), ``words`` (content of B
            shows), ``differs`` (the answer tells whether something exists).
        reason: why that is bounded.
        role: only as this login; empty: as each.
    """

    name: str
    allows: tuple[str, ...]
    reason: str
    role: str = ""

    @property
    def key(self) -> str:
        return f"{self.role} {self.name}".strip()

    def matches(self, name: str, role: str, what: str) -> bool:
        return what in self.allows and self.role in ("", role) and re.fullmatch(self.name, name) is not None


KNOWN: tuple[Known, ...] = (
    Known(
        r"lock/.*",
        ("done",),
        "PostgreSQL gives LOCK TABLE with UPDATE, DELETE or TRUNCATE, and it cannot be taken away alone. It tells "
        "nothing and ends with its transaction, which ends with the limits of the role (docs/security.md).",
    ),
    Known(
        r"sequence/session_numbers/nextval",
        ("done",),
        "Sessions are numbered in the order of the whole installation. A number more is a number less for all: one "
        "call takes one, of nine trillion million; nobody but the owner sets it.",
    ),
    Known(
        r"estimate/.*",
        ("differs",),
        "The planner estimates by statistics over all organisations (the condition is leakproof), and EXPLAIN prints "
        "the estimate; PostgreSQL has no right that forbids EXPLAIN. It answers one guess at a value at a time, and "
        "needs SQL of the attacker's own as the application's login, which sends no EXPLAIN itself.",
    ),
    Known(
        r"explain/(users|sessions|api_keys|mfa_devices|oauth_tokens|user_credentials)/(id|\w+_hash) = .*",
        ("differs",),
        "Found before the organisation is known, so unique over all of them: EXPLAIN ANALYZE counts the row that the "
        "policy threw away. To ask, one must have the id (122 random bits) or the hash of a secret.",
    ),
    Known(
        r"constraint/(users|sessions|api_keys|mfa_devices|oauth_tokens|user_credentials)/(id|\w+_hash)",
        ("differs",),
        "Unique over all organisations; whoever inserts the id or the hash of another learns that it exists. They are "
        "122 random bits, or hashes of secrets of 256.",
    ),
    Known(
        r"power/(mnemon_app|mnemon_worker|none)/(set role|session authorization|config role|config session)",
        ("done",),
        "Whoever one is already, one may become; the worker is a member of the application's role.",
    ),
    Known(
        r"power/(mnemon_app|mnemon_worker)/(defaults|reassign)",
        ("done",),
        "What a role says of objects that it will make, or hands on of those that it has: it makes and has none.",
    ),
    Known(
        r"power/(mnemon_app|mnemon_worker)/(password|settings)|setting/.*/alter role current_user",
        ("done",),
        "PostgreSQL lets a role change its own password and the defaults of its own later sessions. That shows nothing "
        "of anybody, but it can keep the application out until the operator sets them back (docs/security.md).",
    ),
    Known(
        r"call/.*/worker",
        ("done", "ids", "words"),
        "What workers do across organisations: they take jobs of each. The worker's login is trusted with that, the "
        "application's has none of it (docs/security.md).",
        role="mnemon_worker",
    ),
)


def known(name: str, role: str, what: str) -> Known | None:
    """The entry that a try comes under, None if there is none."""
    return next((entry for entry in KNOWN if entry.matches(name, role, what)), None)
