"""Questions whose answer alone would tell what another organisation has: asked about B's and about nobody's.

The two answers must be the same. Values that B has are asked for by every column that has an index of its own, by
unique constraints and by references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tests.attacks.catalogue import Relation
from tests.attacks.tries import Field, Try

#: What running it tells: rows that a scan threw away, by one plan for any value. What planning it tells: rows that
#: statistics expect.
_RUN = (
    "SET LOCAL plan_cache_mode = force_generic_plan",
    "PREPARE asked ({kind}) AS SELECT 1 FROM {t} WHERE {asked}",
    "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) EXECUTE asked ('{v}')",
)
_PLAN = "EXPLAIN SELECT 1 FROM {t} WHERE {asked}"
_PLANS = {
    "as planned": "SELECT 1",
    "by index": "SET LOCAL enable_seqscan = off",
    "by bitmap": "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off",
}


def _other(value: object) -> str | None:
    """A value of the same shape that nobody has, as SQL text."""
    if isinstance(value, UUID):
        return str(uuid4())
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}", lambda _: uuid4().hex[:8], value, count=1)
    if isinstance(value, datetime):
        return str(value + timedelta(microseconds=7))
    if isinstance(value, bytes):
        return "\\x" + uuid4().hex * 2
    return None


def _own(value: object) -> str:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)


def explained(field: Field) -> Iterator[Try]:
    """EXPLAIN ANALYZE counts what a scan threw away: whether others' rows are among them, it must not say."""
    for relation in field.catalogue.tables:
        row = field.theirs.rows.get(relation.name, {})
        for column, kind in relation.columns:
            value = row.get(column)
            if value is None or column == relation.tenant:
                continue
            if kind == "tsvector":
                word = field.theirs.prefix
                found = re.search(rf"{word}[0-9a-f]+", str(value))
                asked, other = found.group() if found else word, word[:2] + uuid4().hex
                for operator in ("@@", "OPERATOR(public.@~@)"):
                    form = f"{column} {operator} to_tsquery('simple', {{v}})"
                    yield from _asked(relation, f"{column} {operator}", "text", form, asked, other)
                continue
            others = _other(value)
            alone = field.theirs.marks(_own(value).encode(), "") or (isinstance(value, datetime) and value.microsecond)
            if others is None or others == _own(value) or not alone:
                continue  # everybody has it
            yield from _asked(relation, f"{column} =", kind, f"{column} = {{v}}", _own(value), others)
            if kind in {"text", "character varying"}:
                form = f"lower({column}) = lower({{v}})"
                yield from _asked(relation, f"lower({column})", "text", form, _own(value), others)


def _asked(relation: Relation, what: str, kind: str, form: str, value: str, other: str) -> Iterator[Try]:
    pair = [text.replace("'", "''") for text in (value, other)]
    for how, plan in _PLANS.items():
        question = [part.format(kind=kind, t=relation.name, asked=form.format(v="$1"), v="{v}") for part in _RUN]
        asked = [(plan, *(part.replace("{v}", text) for part in question)) for text in pair]
        yield Try(f"explain/{relation.name}/{what} {how}", asked[0], twin=asked[1], blank=(value, other))
    asked = [(_PLAN.format(t=relation.name, asked=form.format(v=f"'{text}'")),) for text in pair]
    yield Try(f"estimate/{relation.name}/{what}", asked[0], twin=asked[1], blank=(value, other))


def constraints(field: Field) -> Iterator[Try]:
    """Rows of A with a value or a reference of B's, and the same with one that nobody has."""
    for relation in field.catalogue.tables:
        mine, theirs = field.mine.rows.get(relation.name), field.theirs.rows.get(relation.name)
        if mine is None or theirs is None or relation.tenant is None or relation.name == "organizations":
            continue
        for column, _ in relation.columns:
            value = theirs.get(column)
            other = None if value is None else _other(value)
            if other is None or value is None or column in relation.generated or column == relation.tenant:
                continue
            if isinstance(value, UUID) and str(value) not in field.theirs.ids:
                continue  # everybody's
            pair = [_with(field, relation, column, said) for said in (_own(value), other)]
            yield Try(f"constraint/{relation.name}/{column}", (pair[0],), twin=(pair[1],), blank=(_own(value), other))


def _with(field: Field, relation: Relation, column: str, value: str) -> str:
    values = {}
    for name, kind in relation.columns:
        said = field.mine.value(relation.name, name)
        if said is None or name in relation.generated:
            continue
        said = re.sub(f"{field.mine.prefix}[0-9a-f]{{8}}", lambda _: field.mine.prefix + uuid4().hex[:8], said)
        values[name] = "gen_random_uuid()" if name == "id" and kind == "uuid" else said
        if name.endswith("_hash") and kind == "bytea":
            values[name] = "sha256(convert_to(gen_random_uuid()::text, 'UTF8'))"
    values[column] = "'" + value.replace("'", "''") + "'"
    return f"INSERT INTO {relation.name} ({', '.join(values)}) VALUES ({', '.join(values.values())})"
