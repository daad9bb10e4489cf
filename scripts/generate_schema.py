"""Writes docs/schema.md from the models, and from what the migrations say of policies and rights.

``python scripts/generate_schema.py`` writes it; with ``--check`` nothing is written, and the exit code is 1 if the
page is not what would be written. No database is needed: the migrations are replayed onto a recorder.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from alembic.script import ScriptDirectory
from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Enum,
    ForeignKeyConstraint,
    Identity,
    Index,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

import pages
from mnemon.catalog import metadata
from mnemon.db.base import HASH_PARTITIONS, Base
from mnemon.migrations import ddl, steps

SOURCE = pages.ROOT / "src" / "mnemon"

#: The domains in the order they are explained in, and what each is for.
DOMAINS = {
    "identity": "organisations, people, teams, who may do what, and how one signs in",
    "agents": "agents with their AgentDNA, what they can do and what state they were in",
    "conversations": "what was said, by whom and in which sitting",
    "memory": "memories, facts, their log, and the statistics that recall reads",
    "graph": "entities, how they are related and where they are mentioned",
    "knowledge": "what agents learnt: knowledge, patterns, how they are shared and used",
    "workflow": "workflows and their runs",
    "workspace": "tasks, documents, notifications",
    "integrations": "connections to other services, what came through them, webhooks",
    "operations": "the audit trail, metrics, logs, and how long they are kept",
    "jobs": "background work",
}
DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]

INTRODUCTION = """\
<!-- Generated from the models and the migrations by `make docs`. Change the model there. -->

# Schema

{tables} tables in {domains} domains, one schema, one set of names.

- **Tenants.** `organization_id` says whose a row is. It comes first in primary keys, and foreign keys between tables of
  tenants carry it, so that the database itself refuses a reference into another organisation. In the diagrams it is
  left out.
- **Row-level security** is enabled and forced. The policy *tenant* compares with the organisation that the transaction
  was proven to be for ([security.md](security.md)); without one there are no rows and no writes. The policy *owner*
  lets the owner of the tables through, as which no application connects, for look-ups before there is a tenant and for
  summaries of all.
- **Rights** are those of the role `{role}`, as which the application connects. It owns nothing.
- **Deletion.** A row with a `deleted_at` is deleted softly: also by a DELETE of the application, which a trigger turns
  into one. Rows go for good by a deletion of the owner, by the cascades named below, and by retention.
- **Times** are in UTC. `version` grows by one with every update; an update names the version that it read.
- **Full-text indexes** hold an organisation's words behind a salt of its own (`search_words`, `search_salts`;
  [security.md](security.md)). They have the operator class `recall_words_ops` where a superuser could make it, else
  PostgreSQL's own; **vector indexes** are HNSW, or IVFFlat when the schema was made so, and as wide as the embedder.
- **The directory** (`directory`, for the owner alone) has whose an e-mail address or a slug is, and by its primary key
  each is one's in the whole installation; triggers keep it ([security.md](security.md)).
- Functions, triggers and views are in `src/mnemon/<domain>/sql/objects/`.

"""


class Recorder:
    """Stands in for Alembic's operations: keeps the SQL that is executed and lets everything else pass."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: Any, *_: Any, **__: Any) -> None:
        """Keep a statement."""
        self.statements.append(str(statement))

    def f(self, name: str) -> str:
        """A name that is final."""
        return name

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self

    def __bool__(self) -> bool:
        return True  # the server allows everything


def replayed() -> list[str]:
    """What the migrations execute on their way up."""
    recorder = Recorder()
    migrations = [script.module for script in ScriptDirectory.from_config(steps.config()).walk_revisions()]
    helpers = [module for name, module in sys.modules.items() if name.startswith("mnemon.migrations")]
    with ExitStack() as stack:
        for module in [*helpers, *migrations]:
            if hasattr(module, "op"):
                stack.enter_context(patch.object(module, "op", recorder))
        stack.enter_context(patch.object(ddl, "context", SimpleNamespace(config=SimpleNamespace(attributes={}))))
        for migration in reversed(migrations):
            migration.upgrade()
    return recorder.statements


class Security:
    """Policies and rights of each table, read from statements."""

    def __init__(self, statements: list[str]) -> None:
        self.policies: dict[str, list[str]] = defaultdict(list)
        self.forced: set[str] = set()
        self.rights: dict[str, str] = {}
        for statement in (" ".join(one.split()) for one in statements):
            if found := re.match(r"CREATE POLICY (\w+) ON (\w+)(?: FOR (\w+))?", statement):
                name, table, verb = found.groups()
                self.policies[table].append(f"{name} ({verb} only)" if verb else name)
            elif found := re.match(r"ALTER TABLE (\w+) FORCE ROW LEVEL SECURITY", statement):
                self.forced.add(found[1])
            elif found := re.match(rf"GRANT ([A-Z, ]+) ON (?:TABLE )?(\w+) TO {ddl.APP_ROLE}$", statement):
                self.rights[found[2]] = found[1]

    def of(self, table: str) -> str:
        """A table's policies and rights in words."""
        walls = f"forced; policies {', '.join(self.policies[table])}" if table in self.forced else "none"
        return f"Row-level security: {walls}. Rights of the application: {self.rights.get(table, 'none')}."


def tables_of(domain: str) -> list[Table]:
    """A domain's tables by name."""
    mappers = [mapper for mapper in Base.registry.mappers if mapper.class_.__module__.split(".")[1] == domain]
    found = {mapper.local_table for mapper in mappers if isinstance(mapper.local_table, Table)}
    return sorted(found, key=lambda table: table.name)


def type_of(column: Column[Any]) -> str:
    """A column's type as PostgreSQL writes it."""
    return str(column.type.compile(DIALECT)).lower()


def default_of(column: Column[Any]) -> str:
    """A column's default, or how it is computed."""
    if isinstance(column.server_default, Computed):
        return f"generated: `{column.server_default.sqltext}`"
    if column.server_default is None:
        return ""
    if isinstance(column.server_default, Identity):
        return "a number of its own"
    value: Any = column.server_default.arg  # type: ignore[attr-defined]
    return f"`{value}`" if hasattr(value, "compile") else f"`'{value}'`"


def cell(text: str) -> str:
    """Text that cannot break a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def diagram(tables: list[Table]) -> str:
    """An entity diagram: the domain's tables with their keys, and whom they refer to."""
    names = {table.name for table in tables}
    lines = ["```mermaid", "erDiagram"]
    for table in tables:
        lines.append(f"    {table.name} {{")
        foreign = {key.columns.keys()[-1] for key in table.foreign_key_constraints}
        for one in table.columns:
            marks = [*(["PK"] if one.primary_key else []), *(["FK"] if one.name in foreign else [])]
            if marks and one.name != "organization_id":
                kind = re.sub(r"\W+", "_", type_of(one)).strip("_")
                lines.append(f"        {kind} {one.name} {', '.join(marks)}")
        lines.append("    }")
    for table in tables:
        for key in foreign_keys(table):
            target, pointer = key.referred_table.name, key.columns.keys()[-1]
            if target == "organizations" and "organizations" not in names:
                continue
            parent = "|o" if table.c[pointer].nullable else "||"
            lines.append(f'    {target} {parent}--o{{ {table.name} : "{pointer}"')
    return "\n".join([*lines, "```"])


def foreign_keys(table: Table) -> list[ForeignKeyConstraint]:
    """A table's references, by their last column."""
    return sorted(table.foreign_key_constraints, key=lambda key: key.columns.keys()[-1])


def partitioning(table: Table) -> Iterator[str]:
    """How a table is cut and how long its rows are kept."""
    by = table.dialect_options["postgresql"].get("partition_by")
    if by and by.startswith("HASH"):
        yield f"Partitioned by `{by}`: {HASH_PARTITIONS} partitions."
    elif by:
        info = table.info["partition"]
        days = info["retention_days"]
        kept = f"kept for {days:,} days" if days else "kept until a retention is set"
        yield f"Partitioned by `{by}`, a partition a {info['every']}, {kept}; what fits none is in a default one."
    if retention := table.info.get("retention"):
        yield f"Rows are kept for {retention['days']} days by `{retention['column']}`."


def rules(table: Table) -> Iterator[str]:
    """Keys, references, checks and indexes."""
    yield f"- primary key ({', '.join(table.primary_key.columns.keys())})"
    for key in foreign_keys(table):
        there = ", ".join(element.column.name for element in key.elements)
        rule = f" on delete {key.ondelete.lower()}" if key.ondelete else ""
        yield f"- ({', '.join(key.columns.keys())}) references {key.referred_table.name} ({there}){rule}"
    uniques = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
    for unique in sorted(uniques, key=lambda one: str(one.name)):
        yield f"- unique ({', '.join(unique.columns.keys())})"
    checks = [one for one in table.constraints if isinstance(one, CheckConstraint) and not is_enum(one)]
    for check in sorted(checks, key=lambda one: str(one.name)):
        yield f"- check `{' '.join(str(check.sqltext).split())}`"
    for index in sorted(table.indexes, key=lambda one: str(one.name)):
        yield f"- {described(index)}"


def is_enum(check: CheckConstraint) -> bool:
    """Whether SQLAlchemy made the check for a type."""
    return bool(getattr(check, "_type_bound", False))


def described(index: Index) -> str:
    """An index in one line: what CREATE INDEX would say."""
    text = " ".join(str(CreateIndex(index).compile(dialect=DIALECT)).split())
    found = re.match(r"CREATE (UNIQUE )?INDEX (\S+) ON \S+ (.+)$", text)
    assert found, text  # noqa: S101 - a script of ours
    return f"{'unique ' if found[1] else ''}index {found[2]} `{found[3]}`"


def by_hand(statements: list[str]) -> dict[str, list[str]]:
    """Indexes that are none of the models', because what they are depends on the server."""
    modelled = {index.name for table in metadata.tables.values() for index in table.indexes}
    found = defaultdict(list)
    for statement in (" ".join(one.split()) for one in statements):
        if match := re.match(r"CREATE INDEX (\S+) ON (\w+) (.+)$", statement):
            if match[1] not in modelled:
                found[match[2]].append(f"- index {match[1]} `{match[3]}`")
        elif match := re.match(r"DROP INDEX (\S+)$", statement):
            for lines in found.values():
                lines[:] = [line for line in lines if not line.startswith(f"- index {match[1]} ")]
    return found


def described_table(table: Table, security: Security, indexes: dict[str, list[str]]) -> str:
    """A table's section."""
    lines = [f"### {table.name}", "", f"{(table.comment or '').rstrip('.')}.", "", security.of(table.name)]
    lines += list(partitioning(table))
    lines += ["", "| column | type | null | default | meaning |", "|---|---|---|---|---|"]
    for column in table.columns:
        null = "yes" if column.nullable else "no"
        words = f"one of {', '.join(column.type.enums)}" if isinstance(column.type, Enum) else ""
        meaning = ". ".join(part.rstrip(".") for part in (column.comment or "", words) if part)
        cells = (f"`{column.name}`", type_of(column), null, default_of(column), meaning)
        lines.append("| " + " | ".join(cell(text) for text in cells) + " |")
    return "\n".join([*lines, "", *rules(table), *indexes.get(table.name, []), ""])


def views_of(domain: str) -> list[str]:
    """A domain's views, with their comments."""
    found: list[str] = []
    for path in sorted((SOURCE / domain / "sql" / "objects").glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for name, lines in re.findall(
            r"^-- object: (?:materialized )?view (\w+)\n(?=(?:-- object: .+\n)*((?:-- .+\n)*))", text, re.MULTILINE
        ):
            comment = re.search(rf"COMMENT ON (?:MATERIALIZED )?VIEW {name} IS\s+'((?:[^']|'')+)'", text)
            said = comment[1].replace("''", "'") if comment else lines.replace("-- ", "").replace("\n", " ")
            first = said.split(". ")[0].strip().rstrip(".") or "the reader's own rows of what is summed up for all"
            found.append(f"- `{name}`: {first}.")
    return found


def page() -> str:
    """The whole page."""
    statements = replayed()
    security, indexes = Security(statements), by_hand(statements)
    by_domain = {domain: tables_of(domain) for domain in DOMAINS}
    listed = {table.name for tables in by_domain.values() for table in tables}
    unlisted = set(metadata.tables) - listed
    if unlisted:
        raise SystemExit(f"scripts/generate_schema.py: these tables are of no domain in DOMAINS: {sorted(unlisted)}")
    used = {domain: tables for domain, tables in by_domain.items() if tables}
    parts = [INTRODUCTION.format(tables=len(listed), domains=len(used), role=ddl.APP_ROLE)]
    parts += ["| domain | tables |\n|---|---|\n"]
    for domain, tables in used.items():
        links = ", ".join(f"[{table.name}](#{table.name})" for table in tables)
        parts.append(f"| [{domain}](#domain-{domain}): {DOMAINS[domain]} | {links} |\n")
    for domain, tables in used.items():
        parts.append(f"\n## Domain {domain}\n\nFor {DOMAINS[domain]}.\n\n{diagram(tables)}\n\n")
        if views := views_of(domain):
            parts.append("Views:\n\n" + "\n".join(views) + "\n\n")
        parts.append("\n".join(described_table(table, security, indexes) for table in tables))
    return "".join(parts)


def main() -> int:
    """Write the page, or with --check say whether it is stale."""
    return pages.keep("schema.md", lambda _: page(), "the models")


if __name__ == "__main__":
    sys.exit(main())
