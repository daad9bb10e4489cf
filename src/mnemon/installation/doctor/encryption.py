"""What is encrypted and what is not: data on disk, backups, the connection, stored secrets."""

from __future__ import annotations

import os
from pathlib import Path

import asyncpg

from mnemon.core.settings import Settings
from mnemon.installation.doctor.model import Finding

_DOC = "See docs/encryption.md."


async def check(connection: asyncpg.Connection, wanted: Settings) -> list[Finding]:
    """Check the connection, backups and stored secrets. Where the data lies only the machine it lies on can tell."""
    return [await _connection(connection), _backups(wanted), _secrets(wanted)]


def on_disk(data_dir: Path, *, encrypted: bool, plain: Path | None) -> list[Finding]:
    """Tell whether an embedded server's data is encrypted on disk.

    Args:
        data_dir: its data directory.
        encrypted: it is a mount of ciphertext of ours.
        plain: plain files of it that an interrupted encryption left.
    """
    if plain is not None:
        text = f"the plain files of an interrupted encryption are still in {plain}"
        return [Finding("data on disk", "wrong", text, "Run `mnemon encrypt` again: it removes them.")]
    if encrypted:
        return [Finding("data on disk", "ok", "encrypted by gocryptfs (AES-256-GCM)")]
    volume = encrypted_volume(data_dir)
    if volume is not None:
        return [Finding("data on disk", "ok", f"on the encrypted volume {volume}")]
    do = f"`mnemon down`, then `mnemon encrypt --new-key FILE`; or an encrypted volume. {_DOC}"
    return [Finding("data on disk", "note", "not encrypted, as far as can be seen from here", do)]


def encrypted_volume(directory: Path, system: Path = Path("/sys/dev/block")) -> str | None:
    """Return the name of the dm-crypt (LUKS) volume below a path, with any layers between; None if there is none."""
    while not os.path.lexists(directory):
        directory = directory.parent
    device = directory.stat().st_dev
    left = [system / f"{os.major(device)}:{os.minor(device)}"]
    while left:
        block = left.pop()
        try:
            if (block / "dm" / "uuid").read_text().startswith("CRYPT-"):
                return (block / "dm" / "name").read_text().strip()
        except OSError:
            pass  # no device mapper's
        left += (block / "slaves").glob("*")
    return None


async def _connection(connection: asyncpg.Connection) -> Finding:
    row = await connection.fetchrow(
        "SELECT s.ssl, s.version, s.cipher, inet_server_addr() IS NULL AS local, "
        "coalesce(inet_client_addr() <<= '127.0.0.0/8' OR inet_client_addr() = '::1', true) AS here "
        "FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()"
    )
    if row["ssl"]:
        return Finding("network", "ok", f"encrypted: {row['version']}, {row['cipher']}")
    if row["local"]:
        return Finding("network", "ok", "a socket of this machine, which no network sees")
    do = "Turn ssl on at the server, and add ?sslmode=verify-full to DATABASE_URL."
    if row["here"]:
        return Finding("network", "note", "not encrypted; it does not leave this machine, unless through a proxy", do)
    return Finding("network", "wrong", "not encrypted: passwords and rows cross the network as they are", do)


def _backups(wanted: Settings) -> Finding:
    if wanted.backup_dir is None:
        return Finding("backup files", "ok", "none are made: nothing of them to encrypt")
    if wanted.backup_key or wanted.backup_key_file or wanted.backup_key_command:
        return Finding("backup files", "ok", "encrypted before they leave this process")
    return Finding("backup files", "wrong", "no key is set for them", "Set MNEMON_BACKUP_KEY_FILE; docs/backup.md.")


def _secrets(wanted: Settings) -> Finding:
    if wanted.secret_key is not None:
        return Finding("stored secrets", "ok", "encrypted under MNEMON_SECRET_KEY")
    return Finding(
        "stored secrets",
        "ok",
        "none can be stored: MNEMON_SECRET_KEY is not set",
        "Before connecting other services set it to what `openssl rand -base64 32` prints, and keep it.",
    )
