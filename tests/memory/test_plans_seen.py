"""The statements of recall keep their plans for a person and for an agent, whose predicate looks at conversations."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import pytest

from mnemon.core.principal import Principal
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable
from mnemon.memory.columns import TABLES
from mnemon.memory.service.usage import PARTS_OF_ANSWER
from mnemon.memory.visibility import visible, visible_fact, visible_use
from tests.memory.test_plans import BOTH, SUBJECT, USAGE
from tests.plans import SIZES, Case, Crowd, Key
from tests.plans import crowd as crowd

#: Who looks, by keys of whatever tenant is asked.
EYES = {"person": ("user", None), "agent": (None, "agent"), "agent for a person": ("user", "agent")}
#: By this a conversation is looked up, row by row.
LOOKED_UP = "pk_conversations"
#: What looks at all of its scope may read the tenant's conversations once instead, by any index that begins with it.
WHOLE = ("recall_exact", "recall_postings")
READ_ONCE = "|".join(
    [
        LOOKED_UP,
        *(
            f"ix_conversations_{one}"
            for one in ("changed", "user", "agent", "team", "type", "created_by", "last_message")
        ),
    ]
)


def eyes(who: str) -> Principal:
    """A principal whose ids are keys: the test's tenant puts its own in their place."""
    user, agent = (cast("UUID | None", Key(one) if one else None) for one in EYES[who])
    return Principal(cast("UUID", Key("organization")), user, agent, permissions=frozenset())


def seen(case: Case, table: RecallTable, who: str) -> Case:
    """The case with the predicate of somebody in place of everything."""
    params = Params(None, *case.args)
    rule = visible(eyes(who), table.kind, params, whole=case.name in WHOLE)
    parts = {**case.parts, "scope": f"t.deleted_at IS NULL AND {rule}"}
    if case.name in WHOLE:
        small = None if case.small is None else (*case.small, READ_ONCE)
        scans = case.scans | {"conversations"}  # where the tenant has nearly all of them
        return Case(case.name, tuple(params.values[1:]), case.uses, parts, small=small, scans=scans)
    small = None if case.small is None else (*case.small, LOOKED_UP)
    return Case(case.name, tuple(params.values[1:]), (*case.uses, LOOKED_UP), parts, small=small, scans=case.scans)


CASES = [
    (table, case)
    for table in TABLES
    for name, case in BOTH
    if name == table.name
    and case.name.startswith("recall_")
    and case.name != "recall_size_bounded"  # it has no index of its own
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", EYES)
@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{case}-{table.name}" for table, case in CASES])
async def test_what_somebody_sees_is_looked_up(crowd: Crowd, table: Any, case: Case, who: str, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.memory", seen(case, table, who))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", EYES)
async def test_where_a_fact_comes_from_is_looked_up(crowd: Crowd, who: str, size: str) -> None:
    params = Params(None, 20, "subject 1")
    parts = {"which": f"t.subject = $3 AND {visible_fact(eyes(who), params)}", "order": "t.valid_from, t.id"}
    case = Case("facts_read", tuple(params.values[1:]), (SUBJECT, "pk_messages", "pk_memories"), parts)
    await crowd.tenant(size).hold("mnemon.memory", case)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("who", EYES)
async def test_what_was_used_is_looked_up(crowd: Crowd, who: str, size: str) -> None:
    params = Params(None, Key("message"), 20, None, None, None)
    parts = {"seen": visible_use(eyes(who), params), **PARTS_OF_ANSWER}
    case = Case("usage_of", tuple(params.values[1:]), ("|".join(USAGE), "pk_messages", "pk_memories"), parts)
    await crowd.tenant(size).hold("mnemon.memory", case)
