"""The statements of workflow use their indexes, under row-level security, in a large tenant and in a small one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.plans import SIZES, Case, Crowd, Key
from tests.plans import crowd as crowd

WORKFLOW, RUN, AGENT = Key("workflow"), Key("run"), Key("agent")
LIST = "ix_workflows_created|ix_workflows_status"

DEFINITIONS = (
    Case("get_workflow", (WORKFLOW,), ("pk_workflows",), kept=True),
    Case("list_workflows", (None, None, None, 20), (LIST,)),
    Case("list_workflows", ("active", None, None, 200), (LIST,)),
    Case("start_execution", (WORKFLOW, AGENT, "{}"), ("pk_workflows",)),
)
RUNS = (
    Case("get_execution", (RUN,), ("pk_workflow_executions", "pk_workflows", "pk_agents")),
    Case("lock_execution", (RUN,), ("pk_workflow_executions", "pk_workflows")),
    Case("list_executions", (WORKFLOW, None, None, None, None, 20), ("ix_workflow_executions_workflow",)),
    Case("list_executions", (None, AGENT, None, None, None, 20), ("ix_workflow_executions_agent",)),
    Case(
        "change_execution",
        (RUN, datetime.now(UTC), "running", None, None, "{}"),
        ("pk_workflow_executions",),
    ),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", DEFINITIONS, ids=str)
async def test_definitions_are_found_by_index(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.workflow", case)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", RUNS, ids=str)
async def test_runs_are_found_by_index_in_every_partition(crowd: Crowd, case: Case, size: str) -> None:
    await crowd.tenant(size).hold("mnemon.workflow", case)
