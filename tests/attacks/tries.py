"""What a try is, in which situations it is made, and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.attacks.catalogue import Catalogue
from tests.attacks.victims import Victim

#: The logins that the matrix is tried as. Both, or a test fails.
ROLES = ("mnemon_app", "mnemon_worker")


@dataclass(frozen=True, slots=True)
class Field:
    """What an attacker has before them: the catalogue, their own organisation and the other."""

    catalogue: Catalogue
    mine: Victim
    theirs: Victim

    @property
    def a(self) -> str:
        return str(self.mine.organization)

    @property
    def b(self) -> str:
        return str(self.theirs.organization)


@dataclass(frozen=True, slots=True)
class Try:
    """Statements that an attacker sends, and what the wall owes.

    Attributes:
        name: family/object/verb.
        statements: sent one after another in a transaction, each whatever the one before came to.
        refused: the last one must fail; otherwise it may do what it does, as long as nothing of others shows.
        keep: the transaction is committed.
        twin: the same question about something that nobody has; the answers must be the same but for ``blank``.
        blank: what the question and its twin name.
        plain: sent without a transaction around it.
        feed: what COPY FROM STDIN is given.
        vague: it may ask for what is not there in this version, or with types that do not fit.
    """

    name: str
    statements: tuple[str, ...]
    refused: bool = False
    keep: bool = False
    twin: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    plain: bool = False
    feed: str = ""
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """Whether the organisation was entered, and what was done to the settings then."""

    name: str
    entered: bool
    garbage: str = ""  # a statement after entering


def perform(what: str, *, settings: tuple[str, ...]) -> str:
    """A block that sets each setting to a value and goes on whatever the server says to it."""
    steps = "".join(
        f"BEGIN EXECUTE $q$SET {scope}{_quoted(name)} = {what}$q$; EXCEPTION WHEN OTHERS THEN NULL; END; "
        f"BEGIN PERFORM set_config('{name}', {what}, {local}); EXCEPTION WHEN OTHERS THEN NULL; END; "
        for name in settings
        for scope, local in (("LOCAL ", "true"), ("", "false"))
    )
    return f"DO $do$ BEGIN {steps} END $do$"


def _quoted(name: str) -> str:
    return ".".join(f'"{part}"' for part in name.split("."))


def situations(field: Field) -> list[Situation]:
    """In A, in none, and both with the settings pushed towards B in each way that might pass."""
    theirs = field.b
    triple = f"{theirs},,"
    values = {
        "id": f"'{theirs}'",
        "upper": f"'{theirs.upper()}'",
        "spaces": f"'  {theirs} '",
        "braces": f"'{{{theirs}}}'",
        "plain": f"'{theirs.replace('-', '')}'",
        "array": f"'{{{theirs},{field.a}}}'",
        "both": f"'{field.a},{theirs}'",
        "triple": f"'{triple}'",
        "long": f"'{theirs}{'x' * 5000}'",
        "quote": f"'{theirs}'' OR true --'",
        "nobody": "'00000000-0000-0000-0000-000000000000'",
        "invalid": "'not an id'",
        "empty": "''",
    }
    names = tuple(name for name in field.catalogue.ours if "." in name or name in _known_settings(field))
    found = [Situation("A", True), Situation("none", False)]
    for name, value in values.items():
        block = perform(value, settings=names)
        found += [Situation(f"A, {name}", True, block), Situation(f"none, {name}", False, block)]
    return found


def _known_settings(field: Field) -> set[str]:
    return {setting.name for setting in field.catalogue.settings}


def spread(tries: Iterator[Try], rounds: int) -> list[list[Try]]:
    """Deal tries out: each goes to one of so many hands, in turn."""
    hands: list[list[Try]] = [[] for _ in range(rounds)]
    for place, one in enumerate(tries):
        hands[place % rounds].append(one)
    return hands
