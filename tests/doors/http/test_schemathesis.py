"""Calls made of the description itself: no answer that it does not declare, none of another organisation, no 5xx.

A few of each route here; ``SCHEMATHESIS_CASES=70`` makes more than ten thousand of them.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import httpx
from pydantic import SecretStr

from mnemon.core.crypto import new_secret_key
from tests.conftest import APP, Server
from tests.factories import new_slug
from tests.patience import PATIENCE

from .serving import first_key, served

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,not_of_another"
)
HOOKS = """
import os
import schemathesis

@schemathesis.check
def not_of_another(ctx, response, case):
    assert os.environ["MARK"].encode() not in response.content, "something of another organisation"
"""
#: Verbs that would take away from under the others what they are about.
LEFT_OUT = ("operations_erase",)


async def test_every_answer_is_as_declared(server: Server, template: str, tmp_path: Path) -> None:
    examples = os.environ.get("SCHEMATHESIS_CASES", "2")
    mark = f"zanzibar{os.urandom(6).hex()}"
    environment = {
        "DATABASE_URL": server.url(APP),
        "MNEMON_ASSET_STORE": str(tmp_path / "assets"),
        "MNEMON_PUBLIC_URL": "https://memory.example.org",
        "MNEMON_MAIL_FROM": "memory@example.org",
        "MNEMON_MAIL_URL": f"file://{tmp_path}/mail",
        "MNEMON_SMS_URL": f"file://{tmp_path}/sms",
        "MNEMON_SECRET_KEY": SecretStr(new_secret_key()).get_secret_value(),
    }
    async with served({**environment, "MNEMON_ORGANIZATION": new_slug()}, "--per-minute", "0") as other:
        await first_key(other)
        headers = {"authorization": f"Bearer {other.key}"}
        async with httpx.AsyncClient(base_url=f"{other.url}/v1", headers=headers, timeout=PATIENCE) as client:
            for body in ({"content": mark}, {"content": mark, "conversation": mark, "user": mark}):
                assert (await client.post("/memories", json=body)).status_code == 201
            assert (await client.post("/tasks", json={"title": mark, "user_id": await _me(client)})).status_code == 201
    (tmp_path / "hooks.py").write_text(HOOKS, encoding="utf-8")
    async with served({**environment, "MNEMON_ORGANIZATION": new_slug()}, "--per-minute", "0") as running:
        await first_key(running)
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{running.url}/v1/openapi.json", "-H", f"Authorization: Bearer {running.key}"),
            *("--phases", "fuzzing", "--max-examples", examples, "-c", CHECKS, "--continue-on-failure", "-w", "2"),
            *("--suppress-health-check", "all", "--no-color", "--seed", "7", "--warnings", "off"),
        ]
        for name in LEFT_OUT:
            command += ["--exclude-operation-id", name]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=tmp_path,
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(tmp_path), "MARK": mark},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output[-6000:]
        generated = re.search(r"([\d,]+) generated", output)
        assert generated, output[-2000:]
        assert int(generated[1].replace(",", "")) >= 150 * int(examples)
        async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE) as client:
            assert (await client.get("/readyz")).status_code == 200


async def _me(client: httpx.AsyncClient) -> str:
    users = await client.get("/users")
    found: str = users.json()["items"][0]["id"]
    return found
