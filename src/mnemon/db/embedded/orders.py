"""What a client asks of the supervisor that it starts: the one argument of the process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Orders:
    """What a client asks of a new supervisor.

    Attributes:
        data_dir: absolute, resolved.
        version: PostgreSQL's major version.
        programs: the directory of ``postgres`` and ``initdb``.
        linger_seconds: how long the server stays after the last lease.
        options: settings for this run of the server.
        nonce: tells this supervisor's words from another's.
    """

    data_dir: str
    version: int
    programs: str
    linger_seconds: float
    options: dict[str, str]
    nonce: str

    def as_json(self) -> str:
        """Return the argument for the supervisor."""
        return json.dumps(asdict(self))
