"""The verbs of identity, one file for each concern."""

from mnemon.identity.service.participants import (
    add_agent_names,
    ensure_organization,
    ensure_users,
    find_team,
    find_users,
    labels,
    name_words,
    teams_of,
)

__all__ = [
    "add_agent_names",
    "ensure_organization",
    "ensure_users",
    "find_team",
    "find_users",
    "labels",
    "name_words",
    "teams_of",
]
