"""Calls that may come again: the first answer is kept with what it did, in one transaction, and given again."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from mnemon.context import Context
from mnemon.core.crypto import SecretBox
from mnemon.core.errors import Invalid, Unavailable
from mnemon.db.connection import Connection
from mnemon.db.joined import Joined
from mnemon.operations import repository_calls as repository

#: Seconds that an answer is kept.
KEPT = 24 * 3600
_PURPOSE = "idempotency"


class Repeated(Exception):  # noqa: N818 - no error: the call is answered with what was kept
    """The call was answered by somebody else meanwhile."""


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it was given.

    Attributes:
        status: its status.
        headers: those of its headers that are part of the answer.
        body: its body, as text.
    """

    status: int
    headers: Mapping[str, str]
    body: str


@dataclass(slots=True)
class RepeatableCall:
    """A call with a key of the caller's own.

    Args:
        ctx: of who calls.
        key: what the caller calls this call, and any repetition of it.
        request: what is asked; a repetition asks the same.
    """

    ctx: Context
    key: str
    request: bytes
    _joined: Joined | None = field(default=None, repr=False)

    @property
    def id(self) -> UUID:
        """The id of the row: made of who calls and the key."""
        principal = self.ctx.principal
        caller = principal.user_id or principal.agent_id or principal.organization_id
        return UUID(bytes=hashlib.sha256(caller.bytes + self.key.encode()).digest()[:16], version=4)

    @property
    def _hash(self) -> bytes:
        return hashlib.sha256(self.request).digest()

    async def first_answer(self) -> KeptAnswer | None:
        """Return the answer that this call was given before, None if it is new.

        Raises:
            Invalid: the key was used for another request.
        """
        async with self.ctx.database.transaction(self.ctx.principal, readonly=True, by_key=True) as connection:
            row = await repository.find(connection, self.ctx.principal.organization_id, self.id, KEPT)
        if row is None:
            return None
        if not hmac.compare_digest(row["request_hash"], self._hash):
            raise Invalid(
                "The key was used for another request.",
                code="invalid.idempotency_key_reused",
                hint="Give each call a key of its own, and the same key to its repetitions alone.",
                field="Idempotency-Key",
            )
        return self._opened(row["answer"])

    def begin(self) -> Context:
        """Return the context to ask the verb with: what it writes is kept with the answer, or not at all."""
        self._joined = Joined(self.ctx.database, self.ctx.principal, self._begun)
        return replace(self.ctx, database=self._joined)

    async def _begun(self, connection: Connection) -> None:
        principal = self.ctx.principal
        row = [principal.organization_id, self.id, principal.user_id, principal.agent_id, self._hash]
        if not await repository.claim(connection, row, KEPT):
            raise Repeated

    async def keep(self, answer: KeptAnswer) -> None:
        """Keep the answer with what the verb wrote, and commit.

        Raises:
            Repeated: the same call was answered meanwhile.
        """
        joined = self._here()
        async with joined.transaction(self.ctx.principal) as connection:
            sealed = self._sealed(answer)
            await repository.answer(connection, self.ctx.principal.organization_id, self.id, answer.status, sealed)
        await joined.commit()

    async def refuse(self) -> None:
        """Keep what the verb wrote before it refused, as it would have been kept, and forget the key."""
        joined = self._here()
        if not joined.has_begun:
            return
        async with joined.transaction(self.ctx.principal) as connection:
            await repository.forget(connection, self.ctx.principal.organization_id, self.id)
        await joined.commit()

    async def roll_back(self) -> None:
        """Take back what the verb wrote."""
        await self._here().roll_back()

    def _here(self) -> Joined:
        if self._joined is None:
            raise ValueError("the call has not begun")
        return self._joined

    def _boxes(self) -> list[SecretBox]:
        """Return what seals and opens the answer: whoever has not the caller's own key cannot, with the database."""
        installation = self.ctx.database.installation
        return [
            SecretBox([hmac.digest(installation.derive(_PURPOSE, name), self.key.encode(), "sha256")])
            for name in installation.ids
        ]

    def _sealed(self, answer: KeptAnswer) -> str:
        plain = json.dumps([answer.status, dict(answer.headers), answer.body, secrets.token_hex(4)])
        return self._boxes()[0].encrypt(plain, purpose=f"{_PURPOSE}:{self.id}")

    def _opened(self, sealed: str) -> KeptAnswer:
        for box in self._boxes():
            if box.is_current(sealed):
                status, headers, body, _ = json.loads(box.decrypt(sealed, purpose=f"{_PURPOSE}:{self.id}"))
                return KeptAnswer(status, headers, body)
        raise Unavailable(
            "The first answer was kept under a key that is not here any more.", code="unavailable.secret_key"
        )
