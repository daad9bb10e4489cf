"""How a transaction begins for somebody: with a proof that the one who says so is Mnemon.

The proof is an HMAC-SHA256 over what is claimed, with a key that the process derives from the installation's and that
the database keeps in a table which only the schema's owner reads. ``set_tenant`` checks it and notes who the
transaction is for where the application's login cannot write. Whoever can put SQL into a transaction has no proof: the
organisation stays what it was.
"""

from __future__ import annotations

import hmac
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, TextClause, Uuid, bindparam, text

from mnemon.core.errors import Unavailable
from mnemon.core.installation import InstallationKey
from mnemon.core.principal import Principal

#: Two messages, not one with the first statement: a setting made in the same message does not reach a distributed plan.
SET_TENANT = "SELECT set_tenant($1, $2, $3, $4)"
#: The same for statements whose plans may be kept from call to call. A bulk write keeps those of its foreign key
#: checks: planned anew for every row (as reads must be, tenants differ) they cost more than the rows.
SET_TENANT_KEEPING_PLANS = f"{SET_TENANT}, set_config('plan_cache_mode', 'auto', true)"
#: The same for what gives up where somebody else's lock is not soon let go.
SET_TENANT_HURRIED = f"{SET_TENANT_KEEPING_PLANS}, set_config('lock_timeout', '200ms', true)"
#: The parameter of the server in which it stands, where the owner may set it and the application may not.
PARAMETER = "backtrace_functions"
#: What a policy compares a row's organisation with, there and elsewhere; as PostgreSQL writes it back.
PLAIN = f"(NULLIF(\"left\"(current_setting('{PARAMETER}'::text), 32), ''::text))::uuid"
SEALED = "current_tenant()"
_PURPOSE = "database proof"
_BLOCK = 64  # bytes that SHA-256 takes at a time


class Prover:
    """Proves to the database what the process claims.

    Args:
        key: the installation's; without it nothing can be proven, and asking says so.
    """

    def __init__(self, key: InstallationKey | None) -> None:
        self.key = key
        self._secret = key.derive(_PURPOSE) if key else None

    def prove(self, message: str) -> bytes:
        """Return the proof of a claim: the key's id and the HMAC-SHA256 of the claim, 36 bytes.

        Raises:
            Unavailable: there is no key.
        """
        if self.key is None or self._secret is None:
            raise Unavailable(
                "This process has no installation key, and the database lets nobody in without.",
                code="unavailable.installation_key",
                hint="Set MNEMON_INSTALLATION_KEY (or MNEMON_INSTALLATION_KEY_FILE) to the key that "
                "`mnemon db upgrade` was run with, or showed.",
            )
        return self.key.newest + hmac.digest(self._secret, message.encode("utf-8", "surrogatepass"), "sha256")

    def arguments(self, principal: Principal) -> tuple[UUID, UUID | None, UUID | None, bytes]:
        """Return the arguments of :data:`SET_TENANT`."""
        organization, user, agent = principal.organization_id, principal.user_id, principal.agent_id
        proof = self.prove(f"tenant:{organization}:{user or ''}:{agent or ''}")
        return organization, user, agent, proof

    def parameters(self, principal: Principal) -> dict[str, Any]:
        """Return the parameters of :func:`set_tenant_text`."""
        organization, user, agent, proof = self.arguments(principal)
        return {"organization": organization, "user": user, "agent": agent, "proof": proof}


def set_tenant_text(more: str = "") -> TextClause:
    """Return ``set_tenant`` as an ORM session sends it, with more columns beside it."""
    return text(f"SELECT set_tenant(:organization, :user, :agent, :proof){more}").bindparams(
        bindparam("organization", type_=Uuid()),
        bindparam("user", type_=Uuid()),
        bindparam("agent", type_=Uuid()),
        bindparam("proof", type_=LargeBinary()),
    )


def stored(key: InstallationKey) -> list[tuple[bytes, bytes, bytes]]:
    """Return what the database keeps of each key: its id, and the two blocks that an HMAC-SHA256 begins with."""
    rows = []
    for name in key.ids:
        secret = key.derive(_PURPOSE, name).ljust(_BLOCK, b"\0")
        rows.append((name, bytes(b ^ 0x36 for b in secret), bytes(b ^ 0x5C for b in secret)))
    return rows
