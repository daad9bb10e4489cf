"""Who sees what inside an organisation: the rules of conversations, and where facts and uses come from."""

from __future__ import annotations

from mnemon.conversations.visibility import visible, visible_source
from mnemon.core.principal import Principal
from mnemon.db.params import Params

__all__ = ["visible", "visible_fact", "visible_use"]


def visible_fact(principal: Principal, params: Params) -> str:
    """Return the predicate (alias ``t``) over facts: a team's for the team, none that came from unseen rows."""
    if principal.is_organization:
        return "true"
    rules = [visible(principal, "fact", params)]
    for kind, column in (("message", "t.source_message_id"), ("memory", "t.source_memory_id")):
        seen = visible_source(principal, kind, column, params, alias=f"source_{kind}")
        rules.append(f"({column} IS NULL OR {seen})")
    return " AND ".join(rules)


def visible_use(principal: Principal, params: Params) -> str:
    """Return the predicate (alias ``u``) over uses in answers: both the answer and what was used are to be seen."""
    if principal.is_organization:
        return "true"
    rules = [visible_source(principal, "message", "u.message_id", params, alias="answer")]
    for kind, column in (("memory", "u.memory_id"), ("message", "u.used_message_id")):
        seen = visible_source(principal, kind, column, params, alias=f"used_{kind}")
        rules.append(f"({column} IS NULL OR {seen})")
    return " AND ".join(rules)
