"""An OpenID Connect provider on loopback, which insists on PKCE. A process of its own; it prints its port.

Run as ``python -m tests.doors.http.provider``. People are who the form says: ``sub`` is their e-mail address.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

warnings.simplefilter("ignore")

import oidc_provider_mock  # noqa: E402
from oidc_provider_mock import User  # noqa: E402

CHALLENGES: dict[str, str] = {}


def insisting(app: Any) -> Callable[[dict[str, Any], Any], Iterable[bytes]]:
    """Let no code be exchanged but by who shows the verifier of its challenge (RFC 7636)."""

    def call(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        asked = {k: v[0] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            form = {k: v[0] for k, v in parse_qs(body.decode()).items()}
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if CHALLENGES.pop(form.get("code", ""), "none") != challenge:
                start("400 Bad Request", [("Content-Type", "application/json")])
                return [b'{"error": "invalid_grant"}']

        def noting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            place = dict(headers).get("Location", "")
            code = parse_qs(urlsplit(place).query).get("code", [""])[0]
            if code and asked.get("code_challenge_method") == "S256":
                CHALLENGES[code] = asked.get("code_challenge", "")
            return start(status, headers, *rest)

        answered: Iterable[bytes] = app(environ, noting)
        return answered

    return call


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


if __name__ == "__main__":
    people = [User(sub=one["email"], claims=one) for one in json.loads(sys.argv[1])]
    server = make_server("127.0.0.1", 0, insisting(oidc_provider_mock.app(user_claims=people)), handler_class=Quiet)
    print(server.server_port, flush=True)  # noqa: T201 - whoever started it reads it
    server.serve_forever()
