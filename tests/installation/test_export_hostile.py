"""Archives that were made to hurt the reader of an export: refused at once, in little memory."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemon.core.errors import Invalid, MnemonError
from mnemon.installation.export import verify_export
from mnemon.installation.export.archive import _pack
from mnemon.installation.export.packed import Packed
from tests.patience import PATIENCE

PLAIN = b'{"format": "mnemon-organization", "format_version": 1}'


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.GNU_FORMAT) as packed:
        for member, content in members:
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def file(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member


def large(member: tarfile.TarInfo, size: int) -> bytes:
    """A header that says more than there is."""
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "many files": lambda: tar(*((file(f"f{n}"), b"") for n in range(20_000))),
    "a file twice": lambda: tar((file("manifest.json"), PLAIN), (file("manifest.json"), PLAIN)),
    "a path out of it": lambda: tar((file("../manifest.json"), PLAIN)),
    "a device": lambda: tar((file("manifest.json", tarfile.CHRTYPE), b"")),
    "a link": lambda: tar((file("manifest.json", tarfile.SYMTYPE), b"")),
    "a sparse file": lambda: tar((file("manifest.json", tarfile.GNUTYPE_SPARSE), b"")),
    "a header of a gigabyte": lambda: large(file("x", tarfile.XHDTYPE), 1 << 30) + bytes(1024),
    "a name of a gigabyte": lambda: large(file("x", tarfile.GNUTYPE_LONGNAME), 1 << 30) + bytes(1024),
    "a file of more than there is": lambda: large(file("manifest.json"), 1 << 50) + bytes(1024),
    "a size below nothing": lambda: large(file("manifest.json"), -1) + bytes(1024),
    "a header that says another size": lambda: tar(
        (file("x", tarfile.XHDTYPE), b"27 size=999999999999999999\n"), (file("manifest.json"), PLAIN)
    ),
    "a manifest that is deep": lambda: tar((file("manifest.json"), b"[" * 1_000_000)),
    "a manifest with a number": lambda: tar((file("manifest.json"), b'{"a":' + b"9" * 100_000 + b"}")),
    "a manifest without end": lambda: tar((file("manifest.json"), b'"' + b"a" * 30_000_000)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_archive_is_refused_in_little_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "evil.tar"
    path.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    try:
        with pytest.raises(Invalid) as caught:
            await verify_export(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code.startswith("invalid.export")
    assert len(caught.value.message) < 600 + len(str(path))
    assert peak < 30 << 20, f"{peak >> 20} MB for a file of {path.stat().st_size:,} bytes"


@pytest.mark.parametrize("what", ["the archive", "the manifest", "a table"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, what: str) -> None:
    path = tmp_path / "export"
    path.mkdir()
    pipe = {"the archive": tmp_path / "export.tar", "the manifest": path / "manifest.json"}.get(what, path / "x.ndjson")
    os.mkfifo(pipe)
    code = (
        "import asyncio, pathlib, sys\nfrom mnemon.installation.export import verify_export\n"
        "from mnemon.core.errors import Invalid\n"
        "try: asyncio.run(verify_export(pathlib.Path(sys.argv[1])))\nexcept Invalid as error: print(error.code)"
    )
    asked = pipe if what == "the archive" else path
    done = subprocess.run(
        [sys.executable, "-c", code, asked], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert done.stdout.strip() in {"invalid.export", "invalid.export_damaged"}


def test_a_file_of_more_than_eight_gigabytes_is_found(tmp_path: Path) -> None:
    """Its header has no room for the size: what goes before it says it."""
    member = tarfile.TarInfo("large")
    member.size = 9 << 30
    path = tmp_path / "large.tar"
    with path.open("wb") as packed:
        packed.write(member.tobuf(tarfile.PAX_FORMAT))
        packed.seek(9 << 30, os.SEEK_CUR)
        packed.write(tarfile.TarInfo("after").tobuf(tarfile.PAX_FORMAT) + bytes(1024))
    with path.open("rb", buffering=0) as file_:
        found = Packed(path, file_)
        assert {name: entry.size for name, entry in found.entries.items()} == {"large": 9 << 30, "after": 0}


def test_what_is_packed_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    contents = {"manifest.json": PLAIN, "a.ndjson": b"x" * 700, "b.ndjson": b"", "c.ndjson": b"y" * 512}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    _pack(folder, tmp_path / "packed.tar")
    with (tmp_path / "packed.tar").open("rb", buffering=0) as file_:
        packed = Packed(tmp_path / "packed.tar", file_)
        assert packed.names() == list(contents)
        assert {name: packed.open(name).read() for name in contents} == contents


async def test_any_bytes_and_any_change_end_in_an_error_of_ours(tmp_path: Path) -> None:
    whole = tar((file("manifest.json"), PLAIN), (file("users.ndjson"), json.dumps({}).encode()))

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(st.integers(0, 1600), st.binary(min_size=1, max_size=12)), min_size=1, max_size=4))
    def check(changes: list[tuple[int, bytes]]) -> None:
        content = bytearray(whole)
        for at, data in changes:
            content[at : at + len(data)] = data
        path = tmp_path / "changed.tar"
        path.write_bytes(content)
        with pytest.raises(MnemonError):
            asyncio.run(verify_export(path))

    await asyncio.to_thread(check)
