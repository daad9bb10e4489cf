"""Settings of what Mnemon sends to the world outside."""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from mnemon.core.networks import parse_networks


class OutsideSettings(BaseSettings):
    """What one process needs to know of others, which it sends to."""

    webhook_timeout: float = Field(
        default=10.0, ge=1, le=60, description="seconds that an address of a webhook has to answer"
    )
    webhook_networks: str | None = Field(
        default=None,
        max_length=2000,
        description="networks beside the public internet that webhooks may be sent to, such as 10.1.0.0/16, several "
        "after commas; unset: none, and neither this machine",
    )

    public_url: str | None = Field(
        default=None,
        max_length=500,
        pattern=r"^https?://[^\s?#]+$",
        description="where people reach this server, https://memory.example.org: links in mail begin with it",
    )
    oidc_issuer: str | None = Field(
        default=None,
        max_length=500,
        pattern=r"^https?://[^\s?#]+$",
        description="the issuer of an OpenID Connect provider that people sign in with, https://login.example.org; "
        "its verified e-mail addresses are believed ([access.md](access.md))",
    )
    oidc_client_id: str | None = Field(
        default=None, max_length=500, description="what this server is called at the provider"
    )
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="its secret there; unset: a public client, with PKCE alone"
    )
    mail_url: SecretStr | None = Field(
        default=None,
        description="what mail is sent with: smtp://user:password@host:587, smtps://...:465, or a file for "
        "development, file:///tmp/mail ([access.md](access.md))",
    )
    mail_from: str | None = Field(default=None, max_length=320, description="the address that mail comes from")
    sms_url: SecretStr | None = Field(
        default=None,
        description="what text messages are sent with: https://SID:TOKEN@api.twilio.com/2010-04-01/Accounts/SID/"
        "Messages.json, or whoever takes that form; or file:///tmp/sms",
    )
    sms_from: str | None = Field(default=None, max_length=100, description="the number that text messages come from")

    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("mnemon_redis_url", "redis_url"),
        description="a Redis that keeps who is signed in, in front of the database, and counts calls for all "
        "processes: redis://, rediss:// or unix://; unset: the database is asked each time, and each process counts "
        "alone ([access.md](access.md))",
    )

    asset_store: str | None = Field(
        default=None,
        max_length=2000,
        description="where the bytes of files are: a directory, or s3://bucket/prefix, gs://..., az://... with the "
        "credentials that these clouds have in the environment; unset: beside the embedded server's data directory "
        "([assets.md](assets.md))",
    )
    asset_store_http: bool = Field(
        default=False, description="let such a store be reached without TLS, as one on this machine is"
    )

    @field_validator(
        "asset_store",
        "oidc_issuer",
        "oidc_client_id",
        "oidc_client_secret",
        "public_url",
        "mail_url",
        "mail_from",
        "sms_url",
        "sms_from",
        "redis_url",
        mode="before",
    )
    @classmethod
    def _is_named(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        parse_networks(value)
        return value or None
