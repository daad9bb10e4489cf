"""Files: rows here, bytes sealed in a store; shared inside an organisation only, and gone when nobody has them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from mnemon.context import Context
from mnemon.core.clock import FixedClock
from mnemon.core.crypto import new_secret_key
from mnemon.core.errors import Forbidden, Invalid, MnemonError, NotFound, Unavailable
from mnemon.core.text import parse
from mnemon.installation.doctor import assets as doctor
from mnemon.jobs import service as jobs
from mnemon.jobs.schemas import ListJobs
from mnemon.operations import service as operations
from mnemon.operations.schemas import Erase
from mnemon.workspace import service
from mnemon.workspace.objects import Objects
from mnemon.workspace.schemas import CreateDocument
from mnemon.workspace.schemas_assets import Asset, ListAssets, NewAsset, PutAsset, SweepAssets
from mnemon.workspace.service.assets import GRACE
from tests.factories import with_settings
from tests.workspace.helpers import acting, people, without_rights

KEY = new_secret_key()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """An S3 on loopback; the one at MNEMON_TEST_S3, where there is one, has a bucket ``files``."""
    command = [sys.executable, "-m", "tests.workspace.s3"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", os.environ.get("MNEMON_TEST_S3", address))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_REGION", "us-east-1")
        yield "s3://files/under/here"
    server.kill()
    server.wait()


@pytest.fixture(params=["directory", "s3"])
def files(request: pytest.FixtureRequest, ctx: Context, tmp_path: Path) -> Context:
    """The context of a fresh organisation with a store: a directory, or S3."""
    place = str(tmp_path / "store") if request.param == "directory" else request.getfixturevalue("bucket")
    return with_settings(ctx, secret_key=SecretStr(KEY), asset_store=place, asset_store_http=True)


@pytest.fixture
def local(ctx: Context, tmp_path: Path) -> Context:
    return with_settings(ctx, secret_key=SecretStr(KEY), asset_store=str(tmp_path / "store"))


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def keep(ctx: Context, data: bytes, **values: Any) -> Asset:
    if "user_id" not in values and ctx.principal.user_id is None:
        (values["user_id"],) = await people(ctx, "ada")
    return await service.store_asset(ctx, NewAsset(**{"name": "a.bin", **values}), pieces(data))


async def content(ctx: Context, asset_id: UUID) -> bytes:
    _, stream = await service.open_asset(ctx, asset_id)
    return b"".join([part async for part in stream])


async def stored(ctx: Context) -> set[UUID]:
    """The objects of the organisation that the store has."""
    return {one async for one, _ in Objects(ctx.settings).objects(ctx.principal.organization_id)}


async def swept(ctx: Context) -> None:
    """What the worker does with the jobs that are queued."""
    for job in (await jobs.list_jobs(ctx, ListJobs(kind="workspace.sweep_assets", limit=1000))).items:
        await service.sweep_assets(ctx, parse(SweepAssets, job.payload))


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, 12_000_000])
async def test_what_is_put_is_read(files: Context, size: int) -> None:
    data = os.urandom(size)
    made = await service.store_asset(
        files,
        NewAsset(name="Plan für März.png", media_type="image/PNG", user_id=(await people(files, "ada"))[0]),
        pieces(data[: size // 3], data[size // 3 :]),
    )
    assert (made.size_bytes, made.sha256, made.media_type) == (size, hashlib.sha256(data).hexdigest(), "image/png")
    assert await service.get_asset(files, made.id) == made
    assert await content(files, made.id) == data
    assert (await service.list_assets(files, ListAssets())).items == (made,)


async def test_inside_json_it_is_base64(files: Context) -> None:
    (ada,) = await people(files, "ada")
    made = await service.put_asset(files, parse(PutAsset, {"name": "x.txt", "data": "aGVsbG8=", "user_id": ada}))
    read = await service.read_asset(files, made.id)
    assert (read.data, read.asset) == (b"hello", made)
    assert (await service.put_asset(files, PutAsset(name="x", data=b"hello", user_id=ada))).sha256 == made.sha256
    assert '"data":"aGVsbG8=' in read.model_dump_json()


async def test_nobody_who_reads_the_store_reads_the_file(local: Context, tmp_path: Path) -> None:
    secret = b"the words of a secret, again and again. " * 20_000
    await keep(local, secret)
    (path,) = (one for one in (tmp_path / "store").rglob("*") if one.is_file())
    raw = path.read_bytes()
    assert b"secret" not in raw
    assert raw.startswith(b"MNEMONA1")
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


async def test_the_same_file_is_stored_once_and_goes_with_the_last(files: Context) -> None:
    first, second = await keep(files, b"same"), await keep(files, b"same", name="b.bin")
    assert len(await stored(files)) == 1
    await service.delete_asset(files, first.id)
    await swept(files)
    assert await content(files, second.id) == b"same"
    await service.delete_asset(files, second.id)
    await swept(files)
    assert await stored(files) == set()
    with pytest.raises(NotFound):
        await service.open_asset(files, second.id)


async def test_many_who_put_and_delete_the_same_at_once(local: Context) -> None:
    async def one(number: int) -> Asset | None:
        made = await keep(local, b"same")
        if number % 2:
            await service.delete_asset(local, made.id)
            await swept(local)
            return None
        return made

    made = [one for one in await asyncio.gather(*(one(n) for n in range(16))) if one is not None]
    await swept(local)
    assert len(await stored(local)) <= len(made)
    for asset in made:
        assert await content(local, asset.id) == b"same"


async def test_another_organisation_learns_nothing_of_an_id_or_a_hash(
    files: Context, other: Context, admin: Any
) -> None:
    made = await keep(files, b"known to both")
    other = replace(files, principal=other.principal)
    for attempt in (service.get_asset, service.read_asset, service.open_asset, service.delete_asset):
        with pytest.raises(NotFound) as theirs:
            await attempt(other, made.id)
        with pytest.raises(NotFound) as nobodys:
            await attempt(other, uuid4())
        assert theirs.value.code == nobodys.value.code
    assert not (await service.list_assets(other, ListAssets())).items
    own = await keep(other, b"known to both")
    assert len(await stored(files)) == len(await stored(other)) == 1
    assert await stored(files) != await stored(other)
    (theirs_id,) = await stored(files)
    assert (await service.sweep_assets(other, SweepAssets(objects=(theirs_id,)))).removed == 1  # nothing of its own
    assert await content(files, made.id) == await content(other, own.id) == b"known to both"
    # The other's object under one's own row: the key is another, and nothing is read.
    await admin.execute("UPDATE assets SET object_id = $2 WHERE id = $1", own.id, theirs_id)
    with pytest.raises(Unavailable) as caught:
        await content(other, own.id)
    assert caught.value.code == "unavailable.asset_missing"


async def test_a_file_is_its_persons(local: Context) -> None:
    ada, bo = await people(local, "ada", "bo")
    made = await keep(acting(local, ada), b"hers")
    theirs = acting(local, bo)
    for attempt in (service.get_asset, service.open_asset, service.delete_asset):
        with pytest.raises(NotFound):
            await attempt(theirs, made.id)
    with pytest.raises(Forbidden):
        await service.store_asset(theirs, NewAsset(name="x", user_id=ada), pieces(b"x"))
    with pytest.raises(Forbidden):
        await service.sweep_assets(theirs, SweepAssets())
    with pytest.raises(Forbidden):
        await service.store_asset(without_rights(local), NewAsset(name="x"), pieces(b"x"))
    with pytest.raises(Forbidden):
        await service.open_asset(without_rights(local), made.id)
    assert not (await service.list_assets(theirs, ListAssets())).items


async def test_bytes_that_were_changed_are_refused(local: Context, tmp_path: Path) -> None:
    made = await keep(local, os.urandom(600_000))
    (path,) = (one for one in (tmp_path / "store").rglob("*") if one.is_file())
    good = path.read_bytes()
    for place, bad in ((50, None), (300_000, None), (-1, None), (0, good[:-100]), (0, good[: 44 + (1 << 18) + 16])):
        raw = bytearray(good if bad is None else bad)
        if bad is None:
            raw[place] ^= 1
        path.write_bytes(raw)
        with pytest.raises(Unavailable) as caught:
            await content(local, made.id)
        assert caught.value.code == "unavailable.asset_unreadable"
    path.write_bytes(good)
    other_key = with_settings(local, secret_key=SecretStr(new_secret_key()))
    with pytest.raises(Unavailable) as caught:
        await content(other_key, made.id)
    assert caught.value.code == "unavailable.secret_key"
    rotated = with_settings(local, secret_key=SecretStr(f"{new_secret_key()},{KEY}"))
    assert len(await content(rotated, made.id)) == 600_000
    path.unlink()
    with pytest.raises(Unavailable) as caught:
        await content(local, made.id)
    assert caught.value.code == "unavailable.asset_missing"


async def test_what_is_lost_is_whole_again_when_the_same_file_comes(local: Context, tmp_path: Path) -> None:
    first = await keep(local, b"lost once")
    (path,) = (one for one in (tmp_path / "store").rglob("*") if one.is_file())
    path.unlink()
    second = await keep(local, b"lost once")
    assert await content(local, second.id) == b"lost once"
    with pytest.raises(Unavailable):
        await content(local, first.id)


async def test_a_stream_that_breaks_off_leaves_nothing(files: Context) -> None:
    class Broken(Exception):  # noqa: N818
        pass

    async def breaking() -> AsyncIterator[bytes]:
        yield os.urandom(6_000_000)
        raise Broken

    (ada,) = await people(files, "ada")
    with pytest.raises(Broken):
        await service.store_asset(files, NewAsset(name="x", user_id=ada), breaking())
    with pytest.raises(NotFound):
        await service.store_asset(files, NewAsset(name="x", user_id=ada, document_id=uuid4()), pieces(b"x"))
    assert await stored(files) == set()
    assert not (await service.list_assets(files, ListAssets())).items


async def test_an_erased_persons_files_go_with_their_bytes(local: Context, tmp_path: Path) -> None:
    mine = await keep(local, b"of ada alone")
    (bo,) = await people(local, "bo")
    both = await keep(local, b"of both"), await keep(local, b"of both", user_id=bo)
    await operations.erase(local, Erase(kind="user", name="ada"))
    await swept(local)
    assert len(await stored(local)) == 1
    assert await content(local, both[1].id) == b"of both"
    for gone in (mine.id, both[0].id):
        with pytest.raises(NotFound):
            await service.get_asset(local, gone)


async def test_what_belongs_to_a_document_is_listed_with_it(local: Context) -> None:
    (ada,) = await people(local, "ada")
    document = await service.create_document(local, CreateDocument(user_id=ada, document_type="report", title="Plan"))
    made = await keep(local, b"1", document_id=document.id)
    await keep(local, b"2")
    assert (await service.list_assets(local, ListAssets(document_id=document.id))).items == (made,)


async def test_orphans_are_swept_when_they_are_old(local: Context, tmp_path: Path) -> None:
    kept = await keep(local, b"kept")
    objects = Objects(local.settings)
    orphan, strangers = uuid4(), uuid4()
    await objects.put(local.principal.organization_id, orphan, pieces(b"x"))
    assert (await service.sweep_assets(local, SweepAssets())).removed == 0
    later = replace(local, clock=FixedClock(local.clock.now() + GRACE * 2))
    assert (await service.sweep_assets(later, SweepAssets())).removed == 1
    assert orphan not in await stored(local)
    assert await content(local, kept.id) == b"kept"
    await objects.put(strangers, orphan, pieces(b"x"))
    staged = tmp_path / "store" / str(strangers) / f"{orphan}#1"
    staged.write_bytes(b"half")
    os.utime(staged, (1, 1))
    with pytest.raises(Forbidden):
        await service.sweep_unowned_assets(later)


async def test_the_doctor_says_whose_bytes_are_missing(local: Context, tmp_path: Path, admin: Any) -> None:
    await keep(local, b"there")
    await keep(local, b"lost")
    ids = await admin.fetch(
        "SELECT object_id FROM assets WHERE organization_id = $1 ORDER BY created_at", local.principal.organization_id
    )
    (tmp_path / "store" / str(local.principal.organization_id) / str(ids[1]["object_id"])).unlink()
    async with local.database.transaction(local.principal) as connection:
        (found,) = await doctor.check(connection, local.settings)
    assert (found.level, found.found) == ("wrong", "the bytes of 1 are not in the store, of the newest 2")
    unset = local.settings.model_copy(update={"asset_store": None})
    async with local.database.transaction(local.principal) as connection:
        (found,) = await doctor.check(connection, unset)
    assert (found.level, found.found) == ("wrong", "There is no store for files.")


async def test_without_a_key_a_store_or_room_it_says_what_to_do(local: Context, tmp_path: Path) -> None:
    (ada,) = await people(local, "ada")
    asked = NewAsset(name="x", user_id=ada)
    cases = (
        ({"secret_key": None}, Unavailable, "unavailable.secret_key"),
        ({"asset_store": None}, Unavailable, "unavailable.asset_store"),
        ({"asset_store": "gopher://x/y"}, Invalid, "invalid.asset_store"),
    )
    for changed, kind, code in cases:
        with pytest.raises(kind) as caught:
            await service.store_asset(with_settings(local, **changed), asked, pieces(b"x"))
        assert isinstance(caught.value, MnemonError)
        assert (caught.value.code, bool(caught.value.hint)) == (code, True)
    assert not (await service.list_assets(local, ListAssets())).items


KILLED = """
import asyncio, os, sys
from uuid import UUID
from mnemon import AsyncMemory
from mnemon.workspace import service
from mnemon.workspace.schemas_assets import NewAsset

async def main():
    async with AsyncMemory(organization=sys.argv[1]) as memory:
        async def slow():
            for n in range(1000):
                yield os.urandom(1_000_000)
                if n == 12:
                    print("midway", flush=True)
                await asyncio.sleep(0.02)
        await service.store_asset(memory._ctx, NewAsset(name="x", user_id=UUID(sys.argv[2])), slow())
asyncio.run(main())
"""


async def test_killed_in_the_middle_of_a_put_there_is_no_row(local: Context, tmp_path: Path, server: Any) -> None:
    (ada,) = await people(local, "ada")
    async with local.database.transaction(local.principal) as connection:
        slug = await connection.fetchval("SELECT slug FROM organizations")
    environment = {
        **os.environ,
        "DATABASE_URL": server.url("mnemon_app"),
        "MNEMON_SECRET_KEY": KEY,
        "MNEMON_ASSET_STORE": str(local.settings.asset_store),
    }
    command = [sys.executable, "-c", KILLED, slug, str(ada)]
    process = subprocess.Popen(  # noqa: ASYNC220 - it is killed
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "midway\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (await service.list_assets(local, ListAssets())).items
    assert await stored(local) == set()
    left = [one for one in (tmp_path / "store").rglob("*") if one.is_file()]
    for one in left:
        os.utime(one, (1, 1))
    assert Objects(local.settings).tidy() == len(left)
    assert not [one for one in (tmp_path / "store").rglob("*") if one.is_file()]
