"""What goes into workflow and what comes out: the same for every door."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from mnemon.core.pages import Limit, PageRequest
from mnemon.core.text import CONTENT_LIMIT, JsonObject, Label, Label100, Schema, check_characters
from mnemon.workflow.graph import check_dependencies, check_names
from mnemon.workflow.models import STEP_LIMIT, ExecutionStatus, WorkflowStatus

Name = Label100
Text = Annotated[str, Field(max_length=CONTENT_LIMIT), AfterValidator(check_characters)]
Version = Annotated[int, Field(ge=1)]


class Step(Schema):
    """One step of a workflow.

    Attributes:
        name: its own in the workflow; dependencies name it.
        action: what is done, in the caller's words.
        parameters: what the action needs.
        timeout_seconds: how long it may take; None: as long as it takes. Whoever runs it keeps to it.
    """

    name: Name
    action: Label = "run"
    parameters: JsonObject = Field(default_factory=dict)
    timeout_seconds: int | None = Field(default=None, ge=1, le=31_536_000)


Steps = Annotated[tuple[Step, ...], Field(min_length=1, max_length=STEP_LIMIT)]
Needs = Annotated[tuple[Name, ...], Field(max_length=STEP_LIMIT)]
Dependencies = Annotated[dict[Name, Needs], Field(max_length=STEP_LIMIT)]


class DefineWorkflow(Schema):
    """A new definition, as a draft.

    Attributes:
        steps: 1 to 200, each with a name of its own.
        dependencies: step to the steps it waits for; steps, without a circle.
    """

    name: Name
    description: Text | None = None
    steps: Steps
    dependencies: Dependencies = Field(default_factory=dict)

    @field_validator("steps")
    @classmethod
    def _names(cls, value: tuple[Step, ...]) -> tuple[Step, ...]:
        check_names(step.name for step in value)
        return value

    @field_validator("dependencies")
    @classmethod
    def _graph(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "steps" in info.data:  # else the steps are what is wrong
            check_dependencies([step.name for step in info.data["steps"]], value)
        return value


class UpdateWorkflow(Schema):
    """A change to a definition. Steps change in a draft only, and with their dependencies.

    Attributes:
        steps: all of them anew; the dependencies are then those given here, none if none are.
        expected_version: the version that was read; another one is a Conflict.
    """

    id: UUID
    name: Name | None = None
    description: Text | None = None
    steps: Steps | None = None
    dependencies: Dependencies | None = None
    expected_version: Version | None = None

    @field_validator("steps")
    @classmethod
    def _names(cls, value: tuple[Step, ...] | None) -> tuple[Step, ...] | None:
        check_names(step.name for step in value or ())
        return value

    @field_validator("dependencies")
    @classmethod
    def _graph(cls, value: dict[str, Any] | None, info: ValidationInfo) -> dict[str, Any] | None:
        if value is not None and info.data.get("steps"):  # without them, the verb says what is missing
            check_dependencies([step.name for step in info.data["steps"]], value)
        return value


class MoveWorkflow(Schema):
    """A workflow to activate, archive or delete."""

    id: UUID
    expected_version: Version | None = None


class Workflow(Schema):
    """A definition, as it is read; ``order``: its steps' names in an order that keeps dependencies."""

    id: UUID
    name: str
    description: str | None
    steps: tuple[dict[str, Any], ...]
    dependencies: dict[str, tuple[str, ...]]
    order: tuple[str, ...]
    status: WorkflowStatus
    created_by: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class WorkflowQuery(PageRequest):
    """Definitions, newest first."""

    status: WorkflowStatus | None = None
    limit: Limit = 50


class StartExecution(Schema):
    """A run of an active workflow; ``agent_id``: the acting agent, if not given; ``input``: what it works on."""

    workflow_id: UUID
    agent_id: UUID | None = None
    input: JsonObject = Field(default_factory=dict)


class AdvanceExecution(Schema):
    """Progress of a run; the first one sets a pending run running.

    Attributes:
        step: the step that is done, if one; those it waits for have to be done before.
        output: what the step gave.
        expected_version: the version that was read; another one is a Conflict.
    """

    id: UUID
    step: Name | None = None
    output: JsonObject = Field(default_factory=dict)
    expected_version: Version | None = None


class FinishExecution(Schema):
    """The end of a run: completed, failed or cancelled; ``error_message``: why it did not complete."""

    id: UUID
    status: ExecutionStatus
    error_message: Text | None = Field(default=None, min_length=1)
    expected_version: Version | None = None


class Execution(Schema):
    """A run, with the names of its workflow and its agent; ``execution_data``: input, and steps with their output."""

    id: UUID
    workflow_id: UUID
    workflow: str
    agent_id: UUID
    agent: str
    status: ExecutionStatus
    execution_data: dict[str, Any]
    started_at: datetime
    completed_at: datetime | None
    duration_ms: int | None
    error_message: str | None
    version: int


class ExecutionQuery(PageRequest):
    """Runs of a workflow, of an agent or all of them, in a status; newest first."""

    workflow_id: UUID | None = None
    agent_id: UUID | None = None
    status: ExecutionStatus | None = None
    limit: Limit = 50
