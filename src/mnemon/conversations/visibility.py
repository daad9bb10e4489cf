"""Who sees what inside an organisation, decided here for every read and every change.

The wall between organisations is elsewhere. It stands in conversations because the domains that keep what came out of
talk (graph, memory) rank above and ask here. Every predicate is for a statement whose first parameter is the
organisation.
"""

from __future__ import annotations

import re
from typing import Protocol

from mnemon.core.principal import Principal

#: Whose a row is, by what one row is to a caller: ``{user}`` is the person.
OWNER = {
    "message": "(t.user_id = {user} OR t.sender_id = {user})",
    "memory": "t.user_id = {user}",
}


class Places(Protocol):
    """Takes values and hands out their places in a statement."""

    def add(self, value: object, kind: str = "") -> str:
        """Return the place of a value."""
        ...


def visible(
    principal: Principal, kind: str, params: Places, *, alias: str = "t", own: bool = False, whole: bool = False
) -> str:
    """Return the predicate over rows (``message``, ``memory`` or ``fact``) that the principal may see and change.

    The organisation's own trusted process sees all of them. For a person, an agent, or an agent that acts for a person:

    - a row shared with a team is seen by the team's people; an agent by itself sees its own team's;
    - an ``agent_private`` memory is seen by its agent alone;
    - a ``user_profile`` memory is seen by its person, and by an agent that acts for that person;
    - what was said in a conversation or came out of it is seen by whoever sees the conversation
      (:func:`visible_conversation`), and by the person whose row it is; an agent by itself sees what it said and keeps.

    An agent that acts for a person sees what the person sees, without what other agents keep to themselves, and what it
    keeps to itself. Not what it heard from others: the person would hear it through the agent.

    Args:
        principal: who looks.
        kind: what one row is to a caller.
        params: takes the values; its first is the organisation.
        alias: what the statement calls the table.
        own: the statement asks for the principal's own rows only: then the conversation does not matter.
        whole: the statement looks at all of its scope, so that it may be cheaper to read the conversations once.
    """
    if principal.is_organization:
        return "true"
    rules = [f"(t.team_id IS NULL OR {_of_team(principal, params, 't')})"]
    if kind == "memory":
        agent = params.add(principal.agent_id, "uuid")
        user = params.add(principal.user_id, "uuid")
        rules.append(
            f"CASE t.memory_type WHEN 'agent_private' THEN t.agent_id = {agent} "
            f"WHEN 'user_profile' THEN t.user_id = {user} ELSE true END"
        )
    if kind in OWNER and not own:
        seen = visible_conversation(principal, params, alias="c")
        # Under OR the subquery stays a filter, and no plan begins at it. With OFFSET it is looked up by key, row by
        # row: a planner that does not count with a LIMIT would read every conversation first, for a handful of rows.
        rules.append(
            f"(t.conversation_id IS NULL OR {_mine(principal, kind, params)} OR EXISTS (SELECT FROM conversations c "
            f"WHERE c.organization_id = $1 AND c.id = t.conversation_id AND {seen}{'' if whole else ' OFFSET 0'}))"
        )
    return _named(" AND ".join(rules), alias)


def visible_conversation(principal: Principal, params: Places, *, alias: str = "c", organization: str = "$1") -> str:
    """Return the predicate over conversations that the principal may see.

    - One of a team is seen by the team's people, private or not; an agent by itself sees its own team's.
    - A private one is seen by who takes part, by whose it is, by who made it, and by the agent that leads it.
    - The others are seen by everybody.

    Indexes: pk_conversations, pk_conversation_participants.
    """
    if principal.is_organization:
        return "true"
    if principal.user_id is None:
        mine = f"c.agent_id = {params.add(principal.agent_id, 'uuid')}"
    else:
        me = params.add(principal.user_id, "uuid")
        mine = (
            f"c.user_id = {me} OR c.created_by = {me} OR EXISTS (SELECT FROM conversation_participants cp "
            f"WHERE cp.organization_id = {organization} AND cp.conversation_id = c.id AND cp.user_id = {me})"
        )
    team = _of_team(principal, params, "c", organization)
    rule = f"CASE WHEN c.team_id IS NULL THEN NOT c.is_private OR {mine} ELSE {team} END"
    return re.sub(r"\bc\.", f"{alias}.", rule)


def visible_source(principal: Principal, kind: str, place: str, params: Places, *, alias: str) -> str:
    """Return the predicate that the row which something came from (``message`` or ``memory``, by id) may be seen.

    Args:
        principal: who looks.
        kind: what it came from.
        place: the expression of its id.
        params: takes the values; its first is the organisation.
        alias: what the subquery may call the table, and nothing around it is called.
    """
    table = {"message": "messages", "memory": "memories"}[kind]
    rule = visible(principal, kind, params, alias=alias)
    return (
        f"EXISTS (SELECT FROM {table} {alias} WHERE {alias}.organization_id = $1 AND {alias}.id = {place} AND {rule})"
    )


def _mine(principal: Principal, kind: str, params: Places) -> str:
    if principal.user_id is None:
        return f"t.agent_id = {params.add(principal.agent_id, 'uuid')}"
    return OWNER[kind].replace("{user}", params.add(principal.user_id, "uuid"))


def _of_team(principal: Principal, params: Places, alias: str, organization: str = "$1") -> str:
    """Tell whether a row is of a team of the principal's; an agent's team is read each time from the agent."""
    if principal.user_id is not None:
        return f"{alias}.team_id = ANY({params.add(sorted(principal.team_ids), 'uuid[]')})"
    agent = params.add(principal.agent_id, "uuid")
    return (
        f"{alias}.team_id = (SELECT ag.team_id FROM agents ag "  # noqa: S608 - places only
        f"WHERE ag.organization_id = {organization} AND ag.id = {agent} AND ag.deleted_at IS NULL)"
    )


def _named(rule: str, alias: str) -> str:
    return rule if alias == "t" else re.sub(r"\bt\.", f"{alias}.", rule)
