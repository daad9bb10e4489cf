"""Secrets: passwords that are only compared, tokens that are only recognised, secrets that must be read again.

- A password is hashed with bcrypt at cost 12 (seed 002 NFR-3, REQ-T122). bcrypt reads 72 bytes and no more, so a longer
  password is refused and not cut: a hash stays one that any bcrypt can check. What everybody chooses is refused
  (:mod:`mnemon.core.passwords`) when a password is set; when it is compared, what was allowed once still counts.
- A token or a key of ours has 256 random bits, so its SHA-256 is enough to recognise it by.
- What must be read again (another service's tokens, shared secrets) is encrypted with AES-256-GCM under a key that the
  database never sees (``MNEMON_SECRET_KEY``). The ciphertext names its key, so that keys can be changed one by one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote

from mnemon.core import passwords
from mnemon.core.errors import Unavailable

BCRYPT_COST = 12
KEY_BYTES = 32
TOTP_PERIOD = 30
TOTP_DIGITS = 6
#: Steps that a code holds which was sent to a phone: five minutes.
SMS_STEPS = 10

_VERSION = "v1"
_NONCE_BYTES = 12
#: A hash that nobody's password has: a look-up that found nobody takes as long as one that did.
_NOBODY = "$2b$12$4PpHQDwA/H1dRDdAUqGtBeHB4jpZwLBBWWZRP/rb7zxaAqpAYivYW"


def password_problem(password: str, about: Iterable[str | None] = ()) -> tuple[str, str] | None:
    """Return why this cannot be a new password, as (rule, sentence); None if it can.

    Args:
        password: as it was typed.
        about: what everybody knows of the person: e-mail address and names.
    """
    return passwords.problem(password, about)


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password; takes a quarter of a second, so call it in a thread.

    Raises:
        ValueError: it cannot be a password; :func:`password_problem` says why.
    """
    import bcrypt

    problem = passwords.problem(password)
    if problem is not None:
        raise ValueError(problem[1])
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST)).decode()


def verify_password(password: str, password_hash: str | None) -> bool:
    """Tell whether the password has this hash; takes as long when there is no hash, or when it cannot be a password."""
    import bcrypt

    possible = password_hash is not None and passwords.impossible(password) is None
    tried = password.encode() if possible else b"nobody"
    matches = bcrypt.checkpw(tried, (password_hash or _NOBODY).encode())
    return matches and possible


def new_token(prefix: str = "") -> str:
    """Return a token of 256 random bits, in letters, digits, hyphens and underscores, after the prefix."""
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is stored of a token, 32 bytes: enough to recognise it, useless to somebody who reads it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_secret_key() -> str:
    """Return a fresh key for ``MNEMON_SECRET_KEY``: 32 bytes in base64."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys in a setting: base64 of 32 bytes each, separated by commas; the first encrypts, all decrypt.

    Raises:
        ValueError: one is not that; the text is not repeated.
    """
    keys = []
    for part in text.split(","):
        try:
            key = base64.b64decode(part.strip().replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError("a key is 32 random bytes in base64; several are separated by commas, the newest first")
        keys.append(key)
    return tuple(keys)


class SecretBox:
    """Encrypts and decrypts what must be read again.

    Args:
        keys: 32 bytes each, the newest first; none: nothing can be encrypted, and asking for it says so.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = {hashlib.sha256(key).hexdigest()[:8]: key for key in reversed(keys)}
        self._newest = next(reversed(self._keys), None)

    def __repr__(self) -> str:
        return f"SecretBox({len(self._keys)} keys)"

    def encrypt(self, plain: str, *, purpose: str) -> str:
        """Return the ciphertext, ``v1.<key>.<nonce and text>``.

        Args:
            plain: what is to be kept secret.
            purpose: where it belongs, such as ``oauth_tokens:<user>:access``; decrypting wants the same, so that a
                ciphertext copied to another row or column is not read there.

        Raises:
            Unavailable: there is no key.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if self._newest is None:
            raise Unavailable(
                "A secret is to be stored and there is no key to encrypt it with.",
                code="unavailable.secret_key",
                hint="Set MNEMON_SECRET_KEY to 32 random bytes in base64, such as `openssl rand -base64 32` prints, "
                "and keep it: without it the secret cannot be read again.",
            )
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self._newest]).encrypt(nonce, plain.encode(), purpose.encode())
        body = base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")
        return f"{_VERSION}.{self._newest}.{body}"

    def decrypt(self, text: str, *, purpose: str) -> str:
        """Return what was encrypted for this purpose.

        Raises:
            Unavailable: its key is not among the keys, or it was changed or moved since.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        version, _, encoded = text.partition(".")
        name, _, body = encoded.partition(".")
        key = self._keys.get(name)
        if version != _VERSION or key is None:
            raise Unavailable(
                "A stored secret was encrypted with a key that is not here.",
                code="unavailable.secret_key",
                hint="Add the key it was encrypted with to MNEMON_SECRET_KEY, after a comma.",
                key=name[:8],
            )
        try:
            raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
        except (InvalidTag, ValueError):
            raise Unavailable(
                "A stored secret cannot be read: it was changed, or it belongs to another row.",
                code="unavailable.secret_unreadable",
                hint="Store it again.",
            ) from None

    def is_current(self, text: str) -> bool:
        """Tell whether the ciphertext is under the newest key; if not, encrypt it again when keys are changed."""
        return text.startswith(f"{_VERSION}.{self._newest}.")


def new_totp_secret() -> str:
    """Return a shared secret for TOTP: 160 random bits in base32, as authenticator apps take it."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def totp(secret: str, step: int, *, digits: int = TOTP_DIGITS) -> str:
    """Return the code of a time step (RFC 6238 over RFC 4226, SHA-1).

    Args:
        secret: in base32.
        step: seconds since 1970, divided by 30.
        digits: 6, as apps show, to 8.
    """
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number: int = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def totp_step(at: datetime) -> int:
    """Return the time step that a moment is in."""
    return int(at.timestamp()) // TOTP_PERIOD


def match_totp(
    secret: str, code: str, at: datetime, *, after: int | None = None, window: int = 1, before: int | None = None
) -> int | None:
    """Return the time step whose code this is, None if it is no code of now; compared in constant time.

    Args:
        secret: in base32.
        code: six digits; spaces are ignored.
        at: the present moment.
        after: the last step a code was accepted of: that one and those before it are refused, so that a code that was
            overheard is worth nothing.
        window: steps before and after the present one that are accepted, for clocks that differ.
        before: steps before it, where they are more: of a code that takes its time.
    """
    digits = "".join(code.split()).encode()
    now = totp_step(at)
    matched = None
    for step in range(now - (window if before is None else before), now + window + 1):
        same = hmac.compare_digest(totp(secret, step).encode(), digits)
        if same and (after is None or step > after):
            matched = step
    return matched


def totp_uri(secret: str, *, account: str, issuer: str = "Mnemon") -> str:
    """Return the address that an authenticator app reads off a QR code; it holds the secret."""
    label = quote(f"{issuer}:{account}", safe="")
    return (
        f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"
        f"&algorithm=SHA1&digits={TOTP_DIGITS}&period={TOTP_PERIOD}"
    )
