"""The verbs of agents, one file for each concern."""

from mnemon.agents.service.capabilities import (
    add_capability,
    find_agents_by_capability,
    list_capabilities,
    remove_capability,
)
from mnemon.agents.service.lifecycle import (
    create_agent,
    delete_agent,
    get_agent,
    list_agents,
    set_status,
    update_agent,
)
from mnemon.agents.service.participants import ensure_agents, find_agents, labels, memory_config, require_team
from mnemon.agents.service.states import checkpoint_state, latest_state, list_states

__all__ = [
    "add_capability",
    "checkpoint_state",
    "create_agent",
    "delete_agent",
    "ensure_agents",
    "find_agents",
    "find_agents_by_capability",
    "get_agent",
    "labels",
    "latest_state",
    "list_agents",
    "list_capabilities",
    "list_states",
    "memory_config",
    "remove_capability",
    "require_team",
    "set_status",
    "update_agent",
]
