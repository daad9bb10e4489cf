"""What a try is, in which situations it is made, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

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
    """Whether the organisation was entered, and what was done to the settings.

    Attributes:
        name: what it is called.
        entered: the transaction is A's.
        before: statements before the transaction, whatever they come to: what they set stays for the session.
        after: statements in the transaction after entering, whatever they come to.
    """

    name: str
    entered: bool
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def situations(field: Field) -> list[Situation]:
    """In A, in none, and both with the settings pushed towards B in each way that might pass."""
    theirs = field.b
    plain = theirs.replace("-", "")
    values = {
        "id": theirs,
        "upper": theirs.upper(),
        "spaces": f"  {theirs} ",
        "braces": f"{{{theirs}}}",
        "plain": plain,
        "noted": plain + "_" * 64,
        "sealed": plain + "_" * 64 + "0" * 64,
        "array": f"{{{theirs},{field.a}}}",
        "both": f"{field.a},{theirs}",
        "triple": f"{theirs},,",
        "long": theirs + "x" * 5000,
        "quote": f"{theirs}' OR true --",
        "nobody": "00000000-0000-0000-0000-000000000000",
        "invalid": "not an id",
        "empty": "",
    }
    custom = [name for name in field.catalogue.ours if "." in name]
    server = [name for name in field.catalogue.ours if "." not in name]
    found = [Situation("A", True), Situation("none", False)]
    for name, value in values.items():
        quoted = "'" + value.replace("'", "''") + "'"
        # Of the server's own settings each may be refused, and is tried alone; the others go in one.
        before = (
            "SELECT " + ", ".join(f"set_config('{setting}', {quoted}, false)" for setting in custom),
            *(f"SET {setting} = {quoted}" for setting in server),
        )
        after = (
            "SELECT " + ", ".join(f"set_config('{setting}', {quoted}, true)" for setting in custom),
            *(f"SELECT set_config('{setting}', {quoted}, true)" for setting in server),
        )
        found += [Situation(f"A, {name}", True, before, after), Situation(f"none, {name}", False, before, after)]
    return found


def spread(tries: Iterable[Try], hands: int) -> list[list[Try]]:
    """Deal tries out, in an order that is mixed and always the same."""
    everything = list(tries)
    Random(7).shuffle(everything)
    return [everything[place::hands] for place in range(hands)]
