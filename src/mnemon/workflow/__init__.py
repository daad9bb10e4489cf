"""Workflows and their executions.

Tables: workflows, workflow_executions.
"""
