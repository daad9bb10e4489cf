"""What goes into signing in and what comes out."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr

from mnemon.core.text import Schema
from mnemon.identity.schemas import Email, Name, Password
from mnemon.identity.schemas_access import Address, PasswordCheck, SessionTokens, Text

Signed = Annotated[SecretStr, Field(min_length=1, max_length=2000)]
Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}\z")]


class SignIn(PasswordCheck):
    """An e-mail address and a password, to be signed in with."""

    user_agent: Text | None = None


class SignedIn(Schema):
    """A session; or what a second factor is to be shown with.

    Attributes:
        session: the tokens, where nothing more is needed.
        challenge: to be given back with a code, within five minutes.
        factors: what the person has: ``totp``, ``sms``.
    """

    session: SessionTokens | None = None
    challenge: SecretStr | None = None
    factors: tuple[str, ...] = ()


class SecondFactor(Schema):
    """A code, or a recovery code, with the challenge that asked for it."""

    challenge: Signed
    code: Annotated[str, Field(pattern=r"^\s*((\d\s*){6}|[A-Za-z2-7]{5}-?[A-Za-z2-7]{5}\s*)$", max_length=20)]
    ip_address: Address | None = None
    user_agent: Text | None = None


class SendCode(Schema):
    """A challenge whose code is to come by text message."""

    challenge: Signed
    ip_address: Address | None = None


class SmsEnrol(Schema):
    """A number that codes are sent to; it counts once a first code has proved it (``verify_totp``)."""

    user_id: UUID
    name: Annotated[Name, Field(max_length=100)] = "phone"
    phone_number: Phone


class AskReset(Schema):
    """An e-mail address whose owner cannot sign in."""

    email: Annotated[str, Field(max_length=255)]
    ip_address: Address | None = None


class ResetPassword(Schema):
    """A new password, with the token that was mailed."""

    token: Signed
    password: Password


class InviteUser(Schema):
    """A person to be made and told by mail; they choose their own password."""

    email: Email
    display_name: Name | None = None


class AccountMail(Schema):
    """A mail about a person's account."""

    user_id: UUID
    kind: Literal["reset", "invitation"]


class TrustedIdentity(Schema):
    """Who somebody is, as a provider says that the operator trusts.

    Attributes:
        email: an address that the provider has verified.
    """

    email: Annotated[str, Field(max_length=255)]
    ip_address: Address | None = None
    user_agent: Text | None = None


class RecoveryCodes(Schema):
    """Ten codes, shown once, each of which stands for a second factor once."""

    codes: tuple[SecretStr, ...]
