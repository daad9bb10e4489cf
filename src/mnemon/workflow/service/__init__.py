"""The verbs of workflow."""

from mnemon.workflow.service.definitions import (
    activate_workflow,
    archive_workflow,
    define_workflow,
    delete_workflow,
    get_workflow,
    list_workflows,
    update_workflow,
)
from mnemon.workflow.service.executions import (
    advance_execution,
    executions_of,
    finish_execution,
    get_execution,
    start_execution,
)

__all__ = [
    "activate_workflow",
    "advance_execution",
    "archive_workflow",
    "define_workflow",
    "delete_workflow",
    "executions_of",
    "finish_execution",
    "get_execution",
    "get_workflow",
    "list_workflows",
    "start_execution",
    "update_workflow",
]
