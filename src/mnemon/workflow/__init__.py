"""Workflows and their executions.

Tables: workflows, workflow_executions.
Verbs: define_workflow, get_workflow, list_workflows, update_workflow, activate_workflow, archive_workflow,
delete_workflow; start_execution, advance_execution, finish_execution, get_execution, executions_of.
"""
