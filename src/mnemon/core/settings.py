"""Settings: every one optional. With none set, the embedded database and the built-in embedder serve.

Read from the environment (``MNEMON_DATABASE_URL`` or the bare ``DATABASE_URL`` that seed 002 FR-11 names), then from
a file that the user names (``--env-file``, MNEMON_ENV_FILE, ``Memory(env_file=...)``), then the defaults below. No file
is read because it lies somewhere: a ``.env`` in the working directory is the word of whoever made that directory.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from mnemon.core import times
from mnemon.core.crypto import parse_keys
from mnemon.core.errors import Invalid
from mnemon.core.settings_file import NEVER_FROM_A_FILE, reading, told
from mnemon.core.settings_outside import OutsideSettings
from mnemon.core.urls import postgres_url, split_urls

PROVIDER_DEFAULT = "builtin"


def _names(name: str) -> AliasChoices:
    """Return a setting by its own name in code; in the environment by MNEMON_<NAME>, else by the bare <NAME>."""
    return AliasChoices(f"mnemon_{name}", name)


class _NamedFile(EnvSettingsSource):
    """What the file says that the user named, read as the environment is."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in told.get().items()}


class Settings(OutsideSettings):
    """What one process of Mnemon needs to know.

    Secrets are ``SecretStr``: they never appear in a repr, a log line or an error message.
    """

    model_config = SettingsConfigDict(
        env_prefix="MNEMON_", extra="ignore", populate_by_name=True, validate_default=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from, what wins first."""
        return init_settings, env_settings, _NamedFile(settings_cls)

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=_names("database_url"),
        description="address of a PostgreSQL as the application's role, in the form that your provider shows "
        "([connecting.md](connecting.md)); unset: embedded server",
    )
    database_worker_url: SecretStr | None = Field(
        default=None,
        validation_alias=_names("database_worker_url"),
        description="the same database as a worker's role (`CREATE ROLE ... IN ROLE mnemon_worker`); used by `mnemon "
        "worker` only; unset: DATABASE_URL, which is refused unless it is such a role",
    )
    database_owner_url: SecretStr | None = Field(
        default=None,
        validation_alias=_names("database_owner_url"),
        description="the same database as the role that owns the schema; used by `mnemon db` only",
    )
    database_pool_size: int = Field(
        default=5,
        ge=1,
        le=50,
        validation_alias=_names("database_pool_size"),
        description="connections that one process keeps open",
    )
    database_pool_overflow: int = Field(
        default=10,
        ge=0,
        le=100,
        validation_alias=_names("database_pool_overflow"),
        description="connections beyond those, opened when all are busy for a tenth of a second",
    )
    database_pooler: Literal["none", "transaction"] = Field(
        default="none",
        validation_alias=_names("database_pooler"),
        description="what DATABASE_URL leads to: PostgreSQL itself, or PgBouncer in transaction mode (`mnemon ops "
        "pgbouncer` writes its configuration)",
    )
    database_replica_urls: SecretStr | None = Field(
        default=None,
        validation_alias=_names("database_replica_urls"),
        description="streaming replicas of the database, as the application role, several after commas: reads go there "
        "(`mnemon ops replica`)",
    )
    database_replica_reads: bool = Field(
        default=True, description="send reads to replicas where there are any; false: the primary serves them"
    )
    database_replica_max_lag: float = Field(
        default=5.0, ge=0.1, le=3600, description="seconds behind the primary from which a replica gets no reads"
    )
    database_connect_timeout: float = Field(
        default=10.0, gt=0, le=120, description="seconds to wait for a connection, to each host"
    )
    database_statement_timeout: float = Field(
        default=60.0, ge=0, le=3600, description="seconds one statement may run; 0 means no limit"
    )
    database_idle_timeout: float = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="seconds a transaction may wait for its process before the server ends it, so that one that hangs "
        "holds no lock for ever; 0 means no limit",
    )
    allow_unsafe_role: bool = Field(
        default=False,
        description="start even as a role that owns the tables or bypasses row-level security (development)",
    )

    data_dir: Path | None = Field(
        default=None, description="data directory of the embedded server; unset: the platform's place for it"
    )
    embedded_version: Literal[16, 18] = Field(default=18, description="major version of the embedded PostgreSQL")

    encryption_key: SecretStr | None = Field(
        default=None,
        description="key of an encrypted data directory (`mnemon up --encrypted`): 32 random bytes in base64",
    )
    encryption_key_file: Path | None = Field(
        default=None, description="a file that holds that key; only its owner and group may read it"
    )
    encryption_key_command: str | None = Field(
        default=None,
        max_length=4000,
        description="a command that prints that key, such as a secret manager's; run without a shell",
    )

    embedding_model: str = Field(
        default=PROVIDER_DEFAULT,
        min_length=1,
        max_length=200,
        validation_alias=_names("embedding_model"),
        description="builtin (English), multilingual (16 languages, with mnemon[multilingual]), openai/<name>, "
        "text-embedding-3-small, fastembed/<name>, sentence-transformers/<name>",
    )
    embedding_api_key: SecretStr | None = Field(
        default=None, validation_alias=_names("embedding_api_key"), description="key of the embedding provider"
    )
    embedding_base_url: str | None = Field(
        default=None,
        validation_alias=_names("embedding_base_url"),
        description="address of an OpenAI-compatible endpoint, without /embeddings; unset: OpenAI's own",
    )
    embedding_dimensions: int | None = Field(
        default=None,
        ge=1,
        le=4000,
        validation_alias=_names("embedding_dimensions"),
        description="dimensions asked of the model; unset: the model's own",
    )
    embedding_timeout: float = Field(default=30.0, gt=0, le=600, description="seconds for one embedding call")

    installation_key: SecretStr | None = Field(
        default=None,
        description="32 random bytes in base64 by which processes prove to the database that they are Mnemon, and with "
        "which the trail is signed; several after commas, the newest first, while keys are changed; "
        "`mnemon db upgrade` makes one; the embedded server keeps its own beside the data directory",
    )
    installation_key_file: Path | None = Field(
        default=None, description="a file that holds that key, for its owner alone"
    )

    secret_key: SecretStr | None = Field(
        default=None,
        description="32 random bytes in base64 that stored secrets are encrypted with (tokens elsewhere, second "
        "factors); several after commas, the newest first, while keys are changed",
    )

    backup_dir: Path | None = Field(
        default=None, description="directory of the backups and of the WAL archive; unset: no backups"
    )
    backup_key: SecretStr | None = Field(
        default=None,
        description="32 random bytes in base64 that backups are encrypted with; several after commas, newest first; "
        "or one of the next two",
    )
    backup_key_file: Path | None = Field(default=None, description="a file that holds what MNEMON_BACKUP_KEY would")
    backup_key_command: str | None = Field(
        default=None, max_length=2000, description="a program with its arguments that prints it, as of a key service"
    )
    backup_days: int = Field(default=30, ge=1, le=3660, description="days that backups are kept")
    backup_wal_days: int = Field(
        default=7, ge=1, le=3660, description="days back to any moment of which a restore can go"
    )
    backup_database_url: SecretStr | None = Field(
        default=None,
        description="where backups are taken of a server of your own, as a role with REPLICATION; "
        "unset: DATABASE_OWNER_URL",
    )
    backup_programs: Path | None = Field(
        default=None,
        description="directory of pg_basebackup and pg_combinebackup for a server of your own; unset: those that come "
        "with Mnemon, which have no TLS",
    )
    backup_alert_command: str | None = Field(
        default=None,
        max_length=2000,
        description="a program with its arguments, run when a backup fails, with JSON on standard input",
    )
    backup_alert_url: SecretStr | None = Field(
        default=None, description="an address that gets the same JSON by POST when a backup fails"
    )

    audit_anchors: Path | None = Field(
        default=None,
        description="a file, or a directory for one, where the newest block of each audit trail is written down; "
        "unset: beside the embedded server's data directory, or in the platform's place for data",
    )
    audit_anchor_command: str | None = Field(
        default=None,
        max_length=2000,
        description="a program with its arguments that gets each of them too, a line of JSON on standard input, as to "
        "store them elsewhere; run without a shell",
    )

    organization: str = Field(
        default="default",
        min_length=1,
        max_length=100,
        description="slug of the organisation that the library and the CLI work for",
    )
    timezone: str | None = Field(
        default=None,
        description="IANA name of the zone (Europe/Berlin) of texts without one, of times that are printed, and of "
        "days in questions, for who has none of their own ([time.md](time.md)); unset: the process's local zone",
    )
    hemisphere: Literal["north", "south"] = Field(
        default="north", description="whose seasons questions mean: spring begins in March, or in September"
    )
    auto_maintenance: bool = Field(
        default=True, description="index vectors and refresh statistics in the background after large writes"
    )
    vector_index: Literal["hnsw", "ivfflat"] | None = Field(
        default=None,
        description="kind of the vector index: HNSW (m 16, ef_construction 64) or IVFFlat (100 lists), smaller, sooner "
        "built, and finding less; `mnemon db upgrade` builds it anew in the other kind; unset: what the database has, "
        "HNSW in a new one",
    )
    exact_search_limit: int = Field(
        default=4000,
        ge=100,
        le=1_000_000,
        description="rows up to which a vector search is exact; larger tenants are indexed (HNSW)",
    )

    recall_copy_rows: int = Field(
        default=20_000,
        ge=0,
        le=1_000_000,
        description="rows of a scope up to which recall works on a copy of it in the process; larger ones share a "
        "compact copy of their organisation ([recall.md](recall.md)); 0: nothing is copied",
    )
    recall_copy_mb: int = Field(
        default=256,
        ge=0,
        description="megabytes of such copies that a process holds; what was used least recently goes first",
    )

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        times.zone(value)
        return value or None

    @field_validator("embedded_version", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value  # the environment has texts

    @field_validator("database_replica_urls")
    @classmethod
    def _are_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        parts = split_urls(value.get_secret_value() if value else "")
        return SecretStr(",".join(postgres_url(part) for part in parts)) if parts else None

    @field_validator(
        "backup_dir",
        "backup_key_file",
        "installation_key_file",
        "backup_programs",
        "backup_alert_url",
        "audit_anchors",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value  # an empty path would be the working directory

    @field_validator("database_url", "database_worker_url", "database_owner_url", "backup_database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        return SecretStr(postgres_url(value.get_secret_value()))

    @field_validator("encryption_key", "encryption_key_file", "encryption_key_command", mode="before")
    @classmethod
    def _is_said(cls, value: object) -> object:
        return None if value == "" else value  # an empty variable says nothing

    @field_validator("secret_key", "backup_key", "installation_key")
    @classmethod
    def _is_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        parse_keys(value.get_secret_value())
        return value


__all__ = ["NEVER_FROM_A_FILE", "Settings", "load_settings", "variable_of"]

ENV_FILE = "MNEMON_ENV_FILE"


def variable_of(name: str) -> str:
    """Return the variable that a setting was read from, or would be: the bare one, unless MNEMON_<NAME> is set.

    Args:
        name: the setting's own, such as ``database_url``.
    """
    prefixed = f"MNEMON_{name}".upper()
    alias = Settings.model_fields[name].validation_alias
    has_bare = isinstance(alias, AliasChoices) and name in alias.choices
    if not has_bare or any(variable.upper() == prefixed for variable in (*os.environ, *told.get())):
        return prefixed
    return name.upper()


def load_settings(*, env_file: str | Path | None = None, **overrides: object) -> Settings:
    """Read the settings; what is passed here wins over the environment, and that over a file.

    Args:
        env_file: a file of ``NAME=value`` lines; the one that MNEMON_ENV_FILE names, if left out; none, if that names
            none.
        overrides: single settings by their names.

    Raises:
        Invalid: a setting is out of its bounds; the message names it and never repeats a secret. Or the file is not
            there, others could have written it, or it names what is to be run.
    """
    from pydantic import ValidationError

    unknown = sorted(set(overrides) - set(Settings.model_fields))
    if unknown:
        raise Invalid(
            f"There is no setting {unknown[0]!r}.",
            code="invalid.setting",
            hint="See docs/settings.md for the settings and their bounds.",
            field=unknown[0],
        )
    named_file = env_file or os.environ.get(ENV_FILE)
    try:
        with reading(Path(named_file).expanduser() if named_file else None):
            return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        # What it was read as is MNEMON_<NAME>, also where nothing in the environment says so.
        field = ".".join(str(part) for part in first["loc"]).removeprefix("mnemon_")
        raise Invalid(
            f"setting {field}: {first['msg'].removeprefix('Value error, ')}",
            code="invalid.setting",
            hint=f"In the environment it is {variable_of(field.partition('.')[0])}. See docs/settings.md for the "
            "settings and their bounds.",
            field=field,
        ) from None
