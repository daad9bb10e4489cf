"""Settings of what Mnemon sends to the world outside."""

from __future__ import annotations

from pydantic import Field, field_validator
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

    @field_validator("asset_store", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        parse_networks(value)
        return value or None
