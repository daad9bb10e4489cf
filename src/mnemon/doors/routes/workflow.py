"""Routes of workflows and their runs."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("workflow.define_workflow", "POST", "/workflows", 201),
    Route("workflow.list_workflows", "GET", "/workflows"),
    Route("workflow.get_workflow", "GET", "/workflows/{workflow_id}"),
    Route("workflow.update_workflow", "PATCH", "/workflows/{id}"),
    Route("workflow.delete_workflow", "DELETE", "/workflows/{id}", 204),
    Route("workflow.activate_workflow", "POST", "/workflows/{id}/activate"),
    Route("workflow.archive_workflow", "POST", "/workflows/{id}/archive"),
    Route("workflow.start_execution", "POST", "/executions", 201),
    Route("workflow.executions_of", "GET", "/executions"),
    Route("workflow.get_execution", "GET", "/executions/{execution_id}"),
    Route("workflow.advance_execution", "POST", "/executions/{id}/advance"),
    Route("workflow.finish_execution", "POST", "/executions/{id}/finish"),
)
