"""Scripts that tests run in a process of their own, and what they print."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
_HEAD = """
import asyncio, gc, json, os, signal, socket, stat, sys, threading, time
from mnemon import AsyncMemory, Memory

def child(work):
    # What a child does, and what it says; a child that hangs is ended by its alarm.
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(100)
        os.close(read)
        try:
            said = json.dumps({"said": work()})
        except BaseException as error:
            said = json.dumps({"error": repr(error)})
        os.write(write, said.encode())
        sys.exit(0)
    os.close(write)
    return pid, read

def heard(pid, read):
    with os.fdopen(read) as pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(said) | {"code": code} if said else {"code": code}

def tell(value):
    print(json.dumps(value), flush=True)

"""


async def start(text: str, **environment: str) -> asyncio.subprocess.Process:
    """Start a script; ``child``, ``heard`` and ``tell`` are there for it."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HEAD + text,
        cwd=ROOT,
        env={**os.environ, "MNEMON_AUTO_MAINTENANCE": "false", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.PIPE,
    )


async def told(text: str, **environment: str) -> Any:
    """Run a script to its end; what it told."""
    process = await start(text, **environment)
    output, errors = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0, errors.decode()
    return json.loads(output.splitlines()[-1])


def at(url: str, organization: str) -> Mapping[str, str]:
    """The variables that name a database and an organisation."""
    return {"DATABASE_URL": url, "MNEMON_ORGANIZATION": organization}
