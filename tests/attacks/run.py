"""Tries, and judges: by every byte that the server sent, and by what a superuser sees changed afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mnemon.core.principal import Principal
from mnemon.db import embedded
from tests.attacks.known import Known, known
from tests.attacks.tries import Field, Situation, Try
from tests.attacks.wire import Answer, Closed, Wire
from tests.factories import PROVER

#: After so many tries a superuser compares what must not have changed.
CHUNK = 1500
_OPTIONS = "-c statement_timeout=1000 -c lock_timeout=1000"
#: After each try: nothing of it is left in the session.
_CLEAN = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; DEALLOCATE ALL; CLOSE ALL; UNLISTEN *"
#: Errors that say that the question was not understood: such a try proves nothing.
_MEANINGLESS = frozenset(["42601", "25P02", "08P01", "25001", "25P01"])
_MISSING = frozenset(["42P01", "42703", "42883", "42704", "42804", "42P02"])


@dataclass(slots=True)
class Outcome:
    """What came of the tries."""

    tries: int = 0
    by_family: Counter[str] = field(default_factory=Counter)
    by_role: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    through: list[str] = field(default_factory=list)
    meaningless: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    slow: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.tries += other.tries
        for mine, theirs in ((self.by_family, other.by_family), (self.by_role, other.by_role),
                             (self.known, other.known), (self.states, other.states)):  # fmt: skip
            mine.update(theirs)
        self.through += other.through
        self.meaningless += other.meaningless
        self.slow += other.slow


#: What came of the matrix on each version so far; told at the end of a run.
OUTCOMES: dict[int, Outcome] = {}


@dataclass(slots=True)
class Watch:
    """How everything was that no try may change, and what has been tried since; a look costs as much as many tries."""

    arena: Arena
    before: list[str]
    left: int = CHUNK
    since: list[str] = field(default_factory=list)

    def note(self, who: str, part: Sequence[Try]) -> list[str]:
        """Note tries that were made; after so many of them look."""
        self.left -= len(part)
        self.since.append(f"{who}: {part[0].name} to {part[-1].name}")
        return self.look() if self.left <= 0 else []

    def look(self) -> list[str]:
        """Return what has changed since the last look."""
        if not self.since:
            return []
        before, since = self.before, "; ".join(self.since)
        self.before, self.left, self.since = self.arena._state(), CHUNK, []
        return [
            f"changed: {was} became {now} ({since})" for was, now in zip(before, self.before, strict=True) if was != now
        ]


@dataclass(slots=True)
class Arena:
    """A database under attack."""

    endpoint: embedded.Endpoint
    database: str
    admin: Wire
    field: Field
    roles: tuple[str, ...]

    def enter(self) -> str:
        """The statement that makes a transaction A's."""
        mine = self.field.mine.organization
        proof = PROVER.arguments(Principal(mine))[-1]
        return f"SELECT set_tenant('{mine}', p_proof => '\\x{proof.hex()}')"

    def wire(self, role: str) -> Wire:
        return Wire(self.endpoint, role, self.database, _OPTIONS)

    def watch(self) -> Watch:
        """Note how everything is that no try may change."""
        return Watch(self, self._state())

    def run(self, tries: Iterable[Try], role: str, situation: Situation, watch: Watch | None = None) -> Outcome:
        """Make tries as a role in a situation, and judge them; with a watch of the caller's, who ends it."""
        outcome = Outcome()
        everything = list(tries)
        situation = self._possible(role, situation)
        watching = watch or self.watch()
        while everything:
            part, everything = everything[: watching.left], everything[watching.left :]
            wire = self.wire(role)
            for one in part:
                wire = self._try(wire, one, role, situation, outcome)
            wire.close()
            outcome.through += watching.note(f"{role}, {situation.name}", part)
        if watch is None:
            outcome.through += watching.look()
        return outcome

    def _try(self, wire: Wire, one: Try, role: str, situation: Situation, outcome: Outcome) -> Wire:
        family = one.name.partition("/")[0]
        outcome.tries += 1
        outcome.by_family[family] += 1
        outcome.by_role[role] += 1
        try:
            answers = self._ask(wire, one, one.statements, situation)
            twins = self._ask(wire, one, one.twin, situation) if one.twin else []
        except Closed as closed:
            answers, twins = [Answer(error="closed", message=str(closed))], []
            wire.close()
            wire = self.wire(role)
        last = answers[-1]
        outcome.states[f"{family} {last.error or 'ok'}"] += 1
        if last.error == "57014":
            outcome.slow.append(f"{one.name} | {one.statements[-1][:160]}")
        unheard = last.error in _MEANINGLESS or (last.error in _MISSING and not one.vague)
        if unheard and (last.at or not one.vague):
            outcome.meaningless.append(f"{one.name}: {last.error} {last.message} | {one.statements[-1][:300]}")
        where = f"{one.name} ({role}, {situation.name})"
        for what, detail in self._judge(one, answers, twins, situation):
            entry = known(one.name, role, what)
            if entry is not None:
                outcome.known[entry.key] += 1
            else:
                outcome.through.append(f"{what}: {where}: {detail} | {one.statements[-1][:200]}")
        return wire

    def _ask(self, wire: Wire, one: Try, statements: tuple[str, ...], situation: Situation) -> list[Answer]:
        wire.feed = one.feed.encode()
        begin = [] if one.plain else ["BEGIN"]
        if situation.entered and begin:
            begin.append(self.enter())
        begin = [*situation.before, *begin, *(situation.after if begin else ())]
        end = [] if one.plain else ["COMMIT" if one.keep else "ROLLBACK"]
        if len(statements) == 1:
            answers = wire.ask([*begin, statements[0], *end, _CLEAN])
            for answer in answers[: len(begin)]:
                assert answer.error is None, answer.message
            return answers[len(begin) : len(begin) + 1]
        for answer in wire.ask(begin):
            assert answer.error is None, answer.message
        answers = [self._step(wire, statement) for statement in statements[:-1]]
        last, *_ = wire.ask([statements[-1], *end, _CLEAN])
        return [*answers, last]

    def _possible(self, role: str, situation: Situation) -> Situation:
        """The situation without what the server refuses: that is tried here, once, and need not be each time."""
        wire = self.wire(role)
        before = tuple(statement for statement in situation.before if wire.ask([statement])[0].error is None)
        wire.ask(["RESET ALL", "BEGIN", *([self.enter()] if situation.entered else [])])
        after = tuple(statement for statement in situation.after if self._step(wire, statement).error is None)
        wire.close()
        return replace(situation, before=before, after=after)

    def _step(self, wire: Wire, statement: str) -> Answer:
        """A statement that may fail, and the transaction goes on."""
        _, answer = wire.ask(["SAVEPOINT before", statement])
        if answer.error is not None:
            wire.ask(["ROLLBACK TO before"])
        return answer

    def _judge(
        self, one: Try, answers: list[Answer], twins: list[Answer], situation: Situation
    ) -> Iterable[tuple[str, str]]:
        said = b"\n".join(answer.said for answer in answers)
        asked = " ".join((*one.statements, *situation.before, one.feed))
        marks = self.field.theirs.marks(said, asked)
        if marks:
            words = [mark for mark in marks if mark.startswith(self.field.theirs.prefix)]
            yield ("words" if words else "ids"), ", ".join((words or marks)[:5])
        if one.refused and answers[-1].error is None:
            yield "done", "it was not refused"
        if one.refused and one.name.startswith("write/") and (answers[-1].error or "").startswith("23"):
            yield "done", f"the policy let it pass: {answers[-1].message}"
        if twins:
            pairs = [
                (_blank(mine, one.blank), _blank(other, one.blank))
                for mine, other in zip(answers, twins, strict=True)
            ]  # fmt: skip
            for mine, other in pairs:
                if mine != other:
                    yield "differs", f"{mine[:600]!r} but {other[:600]!r}"

    def _state(self) -> list[str]:
        """What no try may change: others' rows, and every object, right and setting of the database."""
        self.admin.ask([_PREPARE.format(queries=_rows_query(self.field))])
        rows = self.admin.one("EXECUTE state").rows
        return [" ".join(str(value) for value in row) for row in rows]


def _blank(answer: Answer, words: tuple[str, ...]) -> str:
    text = f"{answer.error} {answer.said.decode(errors='replace')}"
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "?").replace(word.replace("'", "''"), "?")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "?", text)
    text = re.sub(r"[^\n]*Heap Fetches: \d+", "", text)  # as the last vacuum left it
    text = re.sub(r"'\d{4}-\d\d-\d\d [^']*'", "?", text)
    return re.sub(r"'\\+x[0-9a-f]+'", "?", text)


def unmet(outcome: Outcome, entries: Iterable[Known]) -> list[str]:
    """Known tries that did not come to what they are known for."""
    return [entry.key for entry in entries if not outcome.known[entry.key]]


_PREPARE = (
    "SET max_parallel_workers_per_gather = 0; SET plan_cache_mode = force_generic_plan; DEALLOCATE ALL; "
    "PREPARE state AS {queries}"
)
_PLACES = """
pg_proc pg_namespace pg_authid pg_auth_members pg_policy pg_trigger pg_constraint pg_rewrite pg_db_role_setting
pg_largeobject_metadata pg_publication pg_subscription pg_event_trigger pg_extension pg_language pg_foreign_server
pg_default_acl pg_type pg_operator pg_cast pg_description pg_statistic_ext pg_seclabel pg_attrdef pg_collation
pg_inherits pg_parameter_acl pg_replication_origin pg_tablespace pg_opclass pg_conversion pg_ts_config
""".split()


def _rows_query(found: Field) -> str:
    """Hashes of the rows of everybody but A, and of the catalogue."""
    parts = []
    digest = "md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), ''))"
    for relation in found.catalogue.tables:
        if relation.name == "partition_policies":  # maintenance writes when it was there
            continue
        where = f"WHERE {relation.tenant} <> '{found.mine.organization}'" if relation.tenant else ""
        parts.append(f"SELECT '{relation.name}', count(*), {digest} FROM {relation.name} t {where}")
    temporary = "SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_'"  # made by and for a session
    wheres = {
        "pg_namespace": f"WHERE oid NOT IN ({temporary})",
        "pg_proc": f"WHERE pronamespace NOT IN ({temporary})",
        "pg_type": f"WHERE typnamespace NOT IN ({temporary})",
    }
    parts += [f"SELECT '{name}', count(*), {digest} FROM {name} t {wheres.get(name, '')}" for name in _PLACES]
    lasting = f"relnamespace NOT IN ({temporary})"
    facts = {
        "pg_class": ("oid, relname, relowner, relacl, relrowsecurity, relforcerowsecurity, relkind, relpersistence",
                     "oid", f"pg_class WHERE {lasting}"),
        "pg_attribute": ("attname, attacl", "attrelid, attnum",
                         f"pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE {lasting}"),
        "pg_database": ("oid, datname, datdba, datacl", "oid", "pg_database WHERE datname = current_database()"),
    }  # fmt: skip
    for name, (columns, order, source) in facts.items():
        line = f"string_agg(concat_ws(' ', {columns}), '' ORDER BY {order})"
        parts.append(f"SELECT '{name}', count(*), md5({line}) FROM {source}")
    return " UNION ALL ".join(parts) + " ORDER BY 1"
