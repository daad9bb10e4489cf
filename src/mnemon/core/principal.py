"""Who asks: the organisation, person or agent on whose behalf a verb runs, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from mnemon.core.errors import Forbidden

ALL_PERMISSIONS = frozenset({"*"})

#: Stands where an organisation's id does, for what belongs to none: work and rows of the whole installation.
INSTALLATION = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Principal:
    """The one on whose behalf a verb runs.

    Attributes:
        organization_id: the tenant; nothing outside it can be seen or changed.
        user_id: the person acting, or None for the organisation itself (a trusted process of theirs).
        agent_id: the agent acting, or None.
        team_ids: teams the person belongs to; decides which team memories are visible.
        permissions: ``resource:action`` strings, or ``*`` for all (a trusted process).
    """

    organization_id: UUID
    user_id: UUID | None = None
    agent_id: UUID | None = None
    team_ids: frozenset[UUID] = frozenset()
    permissions: frozenset[str] = ALL_PERMISSIONS

    @property
    def is_organization(self) -> bool:
        """True for the organisation's own trusted process: no person and no agent is named."""
        return self.user_id is None and self.agent_id is None

    def holds(self, permission: str) -> bool:
        """Tell whether this principal has the permission (``resource:action``)."""
        return "*" in self.permissions or permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise Forbidden unless this principal holds the permission (``resource:action``)."""
        if self.holds(permission):
            return
        raise Forbidden(
            f"This needs the permission {permission}.",
            code="forbidden.permission",
            hint="Ask an administrator of the organisation for a role that grants it.",
            permission=permission,
        )

    def require_installation(self) -> None:
        """Raise Forbidden unless this is the installation itself: no organisation reaches into others."""
        if self.organization_id != INSTALLATION:
            raise Forbidden("This is the installation's own work.", code="forbidden.installation")
