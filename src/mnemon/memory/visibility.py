"""Who sees what inside an organisation, decided here for every read; the wall between organisations is elsewhere."""

from __future__ import annotations

from mnemon.core.context import Principal
from mnemon.db.params import Params
from mnemon.db.recallable import RecallTable


def visible(principal: Principal, table: RecallTable, params: Params) -> str:
    """The predicate (alias ``t``) over rows of a table that the principal may see.

    The organisation's own trusted process sees all of them. For a person or an agent:

    - a row shared with a team is seen by the team's members;
    - an ``agent_private`` memory is seen by its agent alone;
    - a ``user_profile`` memory is seen by its person, and by an agent that acts for that person.
    """
    if principal.is_organization:
        return "true"
    rules = []
    if principal.user_id is not None:
        teams = params.add(sorted(principal.team_ids), "uuid[]")
        rules.append(f"(t.team_id IS NULL OR t.team_id = ANY({teams}))")
    if table.kind == "memory":
        agent = params.add(principal.agent_id, "uuid")
        user = params.add(principal.user_id, "uuid")
        rules.append(
            f"CASE t.memory_type WHEN 'agent_private' THEN t.agent_id = {agent} "
            f"WHEN 'user_profile' THEN t.user_id = {user} ELSE true END"
        )
    return " AND ".join(rules) or "true"
