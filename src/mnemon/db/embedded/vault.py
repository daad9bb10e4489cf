"""An encrypted data directory: ciphertext beside it, mounted in its place by gocryptfs while a server runs.

For a data directory ``DIR`` there is ``DIR.encrypted``, with ``cipher/`` of mode 0700 (what gocryptfs writes: contents
and names under AES-256, and its own key under the user's), ``control/`` (locks and the supervisor's account of itself,
nothing of the data) and ``PG_VERSION``. The supervisor mounts before PostgreSQL starts, unmounts after it has stopped,
and mounts anew when gocryptfs dies; if it dies itself, a guard unmounts.

gocryptfs holds nothing back: a write has reached the file below when it returns, and fsync of a file or a directory is
an fsync below. So whatever is killed, the ciphertext is what a plain directory would be.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnemon.core import trust
from mnemon.core.errors import Conflict, Invalid, MnemonError, Unavailable
from mnemon.db.embedded.account import Account, server_account
from mnemon.db.embedded.layout import HARMLESS, Layout

PROGRAM = "gocryptfs"
DEVICE = Path("/dev/fuse")
# Unmounts when whoever mounted has died ($1: gocryptfs; the rest: how), once the server there has ended too.
_GUARD = 'read _; pid=$1; shift; while kill -0 "$pid"; do "$@" && exit; sleep 0.3; done'
_NOSUID, _NODEV = 2, 4
_PATIENCE = 30.0
# gocryptfs derives the key that wraps its own from a password by scrypt. Ours has 256 random bits, nothing to guess:
# the smallest cost does, and a mount takes milliseconds.
_SCRYPT = "10"
_WRONG_PASSWORD = 12
_READY = b"Filesystem mounted and ready"
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Vault:
    """A mounted ciphertext, and the gocryptfs that serves it."""

    def __init__(self, target: Path, process: subprocess.Popen[bytes]) -> None:
        self.target = target
        self.process = process
        self._guard: subprocess.Popen[bytes] | None = None

    def watch(self) -> None:
        """See to it that it is unmounted if this process dies."""
        self._guard = subprocess.Popen(  # noqa: S603 - a fixed script; what it is about are arguments
            ["/bin/sh", "-c", _GUARD, "sh", str(self.process.pid), *_unmount_command(self.target, lazy=False)],
            stdin=subprocess.PIPE,  # its other end closes with this process
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
            start_new_session=True,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it is served and in its place."""
        return self.process.poll() is None and is_mounted(self.target)

    def close(self) -> None:
        """Unmount, and wait for gocryptfs to end."""
        unmount(self.target)
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            # Unmounted lazily: somebody else has a file of it open, and it ends with that.
            return
        finally:
            if self._guard is not None and self._guard.stdin is not None:
                self._guard.stdin.close()
                self._guard.wait()


def require() -> str:
    """Return the path of gocryptfs.

    Raises:
        Unavailable: ``embedded.encryption_unsupported``, ``embedded.gocryptfs_missing`` or ``embedded.fuse_missing``.
    """
    if sys.platform != "linux":
        raise Unavailable(
            "An encrypted data directory needs Linux.",
            code="embedded.encryption_unsupported",
            hint="Put the data directory on an encrypted volume (FileVault, BitLocker) instead.",
            platform=sys.platform,
        )
    program = trust.find_program(PROGRAM)
    if program is None or (os.geteuid() != 0 and _fusermount() is None):
        raise Unavailable(
            "An encrypted data directory needs gocryptfs and FUSE, and they are not installed.",
            code="embedded.gocryptfs_missing",
            hint="On Debian or Ubuntu: apt-get install gocryptfs fuse3. Or put the data directory on an encrypted "
            "volume (docs/encryption.md).",
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise Unavailable(
            f"An encrypted data directory needs {DEVICE}, which this user "
            + ("may not open." if DEVICE.exists() else "does not have."),
            code="embedded.fuse_missing",
            hint="Run as root; or let users mount (chmod 666 /dev/fuse, or modprobe fuse). A container needs "
            "--device /dev/fuse --cap-add SYS_ADMIN.",
            path=str(DEVICE),
        )
    return program


def make(cipher: Path, key: bytes) -> None:
    """Make an empty ciphertext in a new directory.

    Raises:
        Unavailable: gocryptfs is missing or failed.
    """
    cipher.mkdir(mode=0o700)
    process = subprocess.run(  # noqa: S603 - found on PATH, arguments of ours
        [require(), "-init", "-q", "-scryptn", _SCRYPT, "--", str(cipher)],
        input=key + b"\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(),
        cwd="/",
        check=False,
    )
    if process.returncode:
        raise _failed(cipher, process.returncode, process.stdout.decode("utf-8", "replace"))
    account = server_account()
    if account.switch:
        for path in (cipher, *cipher.iterdir()):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)


def mount(cipher: Path, target: Path, key: bytes, pause: Callable[[float], None] = time.sleep) -> Vault:
    """Mount the ciphertext at an empty directory; a dead or forgotten mount there is replaced.

    The caller made sure that no server runs on it. ``pause`` sleeps some seconds and may raise to give up.

    Raises:
        Invalid: ``embedded.wrong_key``.
        Conflict: ``embedded.plain_remains`` if files lie where it is to be mounted.
        Unavailable: gocryptfs is missing, failed or was not ready in time.
    """
    program = require()
    unmount(target)
    refuse_plain(target)
    command = [program, "-fg", "-kernel_cache"]
    account = server_account()
    device: int | None = None
    log = cipher.with_name("gocryptfs.log")
    try:
        if account.switch:
            device = _attach(cipher, target, account)
        else:
            command.append("-nonempty")  # what may be there is harmless, see above
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - found on PATH, arguments of ours
                [*command, "--", str(cipher), str(target) if device is None else f"/dev/fd/{device}"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd="/",
                # A signal for the supervisor's group, or its death, must not take the file system from PostgreSQL.
                start_new_session=True,
                pass_fds=() if device is None else (device,),
                **_as(account),
            )
    finally:
        if device is not None:
            os.close(device)
    mounted = Vault(target, process)
    try:
        _send(process, key)
        _await_mounted(mounted, cipher, log, pause)
        mounted.watch()
    except BaseException:
        mounted.close()
        raise
    return mounted


def _attach(cipher: Path, target: Path, account: Account) -> int:
    """Mount as root for a gocryptfs that runs as the server's account, which need not be allowed to mount.

    gocryptfs run by root for another account would change its own for every file that it makes, all its threads at
    once: while one thread makes a file, the others may be refused theirs.

    Returns:
        The descriptor that gocryptfs serves.
    """
    import ctypes

    device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    options = (
        f"fd={device},rootmode=40000,user_id={account.uid},group_id={account.gid},"
        "allow_other,default_permissions,max_read=131072"
    )
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(_NOSUID | _NODEV)
    if libc.mount(os.fsencode(cipher), os.fsencode(target), b"fuse.gocryptfs", flags, options.encode()):
        number = ctypes.get_errno()
        os.close(device)
        raise Unavailable(
            f"{target} cannot be mounted: {os.strerror(number)}.",
            code="embedded.fuse_missing",
            hint="A container needs --device /dev/fuse --cap-add SYS_ADMIN.",
            path=str(target),
        )
    return device


def _as(account: Account) -> dict[str, Any]:
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account.switch else {}


def open_cluster(layout: Layout, key: bytes, pause: Callable[[float], None]) -> Vault:
    """Mount a data directory's ciphertext in its place, for the server's account."""
    mounted = mount(layout.cipher, layout.data_dir, key, pause)
    try:
        layout.data_dir.chmod(0o700)
        layout.inner.mkdir(mode=0o755, exist_ok=True)
        layout.inner.chmod(0o755)  # the server's account passes through on its way to initdb's directory
    except BaseException:
        mounted.close()
        raise
    return mounted


def refuse_plain(target: Path) -> None:
    """Refuse to mount over files that somebody may miss.

    Raises:
        Conflict: ``embedded.plain_remains``.
    """
    if {path.name for path in target.iterdir()} <= HARMLESS:
        return
    raise Conflict(
        f"{target} has encrypted data beside it ({target.name}.encrypted), and holds files of its own.",
        code="embedded.plain_remains",
        hint="After an encryption that was interrupted run `mnemon encrypt` again. Otherwise look at the files and "
        "move them away.",
        path=str(target),
    )


def is_mounted(target: Path) -> bool:
    """Tell whether a gocryptfs is mounted exactly there, living or dead; what others mount is no business of ours."""
    wanted = os.fsencode(target)
    try:
        table = Path("/proc/self/mountinfo").read_bytes()
    except OSError:
        return False
    ours = (line.split(b" ", 5)[4] for line in table.splitlines() if b" - fuse.gocryptfs " in line)
    return any(_ESCAPE.sub(lambda found: bytes([int(found[1], 8)]), place) == wanted for place in ours)


def unmount(target: Path) -> None:
    """Unmount every gocryptfs that is mounted there; busy ones are waited for, then taken out of the tree.

    Raises:
        Unavailable: ``embedded.unmount_failed``.
    """
    deadline = time.monotonic() + 5.0
    problem = ""
    while is_mounted(target):
        late = time.monotonic() > deadline
        process = subprocess.run(  # noqa: S603 - a fixed program
            _unmount_command(target, lazy=late),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_environment(),
            check=False,
        )
        problem = process.stdout.decode("utf-8", "replace").strip()
        if process.returncode == 0:
            continue
        if late:
            raise Unavailable(
                f"{target} cannot be unmounted: {problem}",
                code="embedded.unmount_failed",
                hint=f"See who uses it (fuser -vm {target}), then unmount it as root.",
                path=str(target),
            )
        time.sleep(0.05)


def _unmount_command(target: Path, *, lazy: bool) -> list[str]:
    if os.geteuid() == 0:
        return [trust.find_program("umount") or "/bin/umount", *(["-l"] if lazy else []), "--", str(target)]
    return [_fusermount() or "/usr/bin/fusermount3", "-u", *(["-z"] if lazy else []), "--", str(target)]


def _fusermount() -> str | None:
    return trust.find_program("fusermount3") or trust.find_program("fusermount")


def _send(process: subprocess.Popen[bytes], key: bytes) -> None:
    """Send the key through a pipe: no other process finds it among arguments or variables."""
    assert process.stdin is not None  # noqa: S101 - asked for above
    try:
        process.stdin.write(key + b"\n")
        process.stdin.close()
    except BrokenPipeError:
        return  # it ended early; its exit code says why


def _await_mounted(mounted: Vault, cipher: Path, log: Path, pause: Callable[[float], None]) -> None:
    """Wait until gocryptfs says so: for a moment after it is mounted, what others do there can block it for good."""
    deadline = time.monotonic() + _PATIENCE
    while _READY not in log.read_bytes():
        code = mounted.process.poll()
        if code is not None:
            raise _failed(cipher, code, log.read_text("utf-8", "replace"))
        if time.monotonic() > deadline:
            mounted.process.kill()
            raise _failed(cipher, 0, "it was not ready in time")
        pause(0.005)


def _failed(cipher: Path, code: int, said: str) -> MnemonError:
    if code == _WRONG_PASSWORD:
        return Invalid(
            f"The key does not open {cipher}.",
            code="embedded.wrong_key",
            hint="Give the key that it was made with; without it the data cannot be read by anybody.",
            field="encryption_key_file",
            path=str(cipher),
        )
    lines = [line for line in said.splitlines() if line.strip()][-3:]
    return Unavailable(
        "\n".join([f"gocryptfs failed on {cipher} (exit code {code}):", *lines]),
        code="embedded.encryption_failed",
        hint="Is FUSE allowed here, and the file system writable and not full? docs/encryption.md has more.",
        path=str(cipher),
        exit_code=code,
    )


def _environment() -> dict[str, str]:
    """Show nothing of the caller's, whose variables may hold the key."""
    return {"PATH": trust.search_path(), "LC_ALL": "C"}
