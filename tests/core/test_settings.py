"""Settings: bounds, names in the environment, and secrets that never show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mnemon.core.errors import Invalid
from mnemon.core.settings import Settings, load_settings


def test_every_setting_is_optional() -> None:
    settings = load_settings()
    assert settings.database_url is None
    assert settings.organization == "default"
    assert settings.embedding_model == "builtin"
    assert settings.exact_search_limit == 4000


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("database_pool_size", (1, 50), (0, 51)),
        ("database_pool_overflow", (0, 100), (-1, 101)),
        ("database_connect_timeout", (0.1, 120), (0, 121)),
        ("database_statement_timeout", (0, 3600), (-1, 3601)),
        ("embedding_dimensions", (1, 4000), (0, 4001)),
        ("embedding_timeout", (0.1, 600), (0, 601)),
        ("exact_search_limit", (100, 1_000_000), (99, 1_000_001)),
        ("embedded_version", (16, 18), (15, 17)),
        ("organization", ("x", "x" * 100), ("", "x" * 101)),
        ("embedding_model", ("x", "x" * 200), ("", "x" * 201)),
        ("auto_maintenance", (True, False), ("perhaps", None)),
    ],
)
def test_bounds(name: str, inside: tuple[Any, ...], outside: tuple[Any, ...]) -> None:
    for value in inside:
        assert getattr(load_settings(**{name: value}), name) == value
    for value in outside:
        with pytest.raises(Invalid) as caught:
            load_settings(**{name: value})
        assert (caught.value.code, caught.value.data["field"]) == ("invalid.setting", name)
        assert name in caught.value.message


def test_every_setting_has_its_name_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    values: dict[str, Any] = {
        "data_dir": "/somewhere",
        "embedded_version": "16",
        "organization": "acme",
        "auto_maintenance": "false",
        "exact_search_limit": "500",
        "allow_unsafe_role": "true",
        "embedding_timeout": "7.5",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"MNEMON_{name.upper()}", value)
    settings = load_settings()
    assert settings.data_dir == Path("/somewhere")
    assert (settings.embedded_version, settings.organization, settings.auto_maintenance) == (16, "acme", False)
    assert (settings.exact_search_limit, settings.allow_unsafe_role, settings.embedding_timeout) == (500, True, 7.5)
    assert load_settings(organization="mine").organization == "mine"


@pytest.mark.parametrize(
    "name", ["database_url", "database_owner_url", "database_pool_size", "embedding_model", "embedding_dimensions"]
)
def test_some_settings_have_the_bare_name_too(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    first, second = {
        "database_url": ("postgresql://a/x", "postgresql://b/x"),
        "database_owner_url": ("postgresql://a/x", "postgresql://b/x"),
        "embedding_model": ("one", "two"),
    }.get(name, ("7", "8"))

    def shown() -> str:
        value = getattr(load_settings(), name)
        return value.get_secret_value().replace("+asyncpg", "") if isinstance(value, SecretStr) else str(value)

    monkeypatch.setenv(name.upper(), second)
    assert shown() == second
    monkeypatch.setenv(f"MNEMON_{name.upper()}", first)
    assert shown() == first, "the bare name may be another program's: where both are set, ours wins"


def test_a_bare_name_that_is_too_common_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORGANIZATION", "of-another-program")
    monkeypatch.setenv("DATA_DIR", "/of/another/program")
    settings = load_settings()
    assert (settings.organization, settings.data_dir) == ("default", None)


def test_a_file_in_the_working_directory_is_read_after_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("MNEMON_ORGANIZATION=from-file\nMNEMON_EXACT_SEARCH_LIMIT=200\nOTHER=1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    assert load_settings().organization == "from-file"
    monkeypatch.setenv("MNEMON_ORGANIZATION", "from-environment")
    settings = load_settings()
    assert (settings.organization, settings.exact_search_limit) == ("from-environment", 200)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgres://a:b@c/d", "postgresql+asyncpg://a:b@c/d"),
        ("postgresql://a:b@c/d?x=1", "postgresql+asyncpg://a:b@c/d?x=1"),
        ("postgresql+asyncpg://a@/d?host=/tmp", "postgresql+asyncpg://a@/d?host=/tmp"),
        ("", None),
        (None, None),
    ],
)
def test_forms_of_a_database_url(given: str | None, kept: str | None) -> None:
    found = load_settings(database_url=given).database_url
    assert (found.get_secret_value() if found else None) == kept


@pytest.mark.parametrize(
    "url", ["mysql://root:hidden@x/y", "sqlite:///hidden", "hidden", "postgresql+psycopg://a:hidden@c/d"]
)
def test_another_database_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        load_settings(database_url=url)
    assert caught.value.data["field"] == "database_url"
    shown = f"{caught.value} {caught.value.as_dict()} {caught.value.__cause__}"
    assert ":hidden" not in shown


def test_secrets_show_nowhere() -> None:
    settings = load_settings(
        database_url="postgresql://a:hidden@c/d",
        database_owner_url="postgresql://a:hidden@c/d",
        embedding_api_key="hidden",
    )
    assert "hidden" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        load_settings(organisation="acme")
    assert "organisation" in caught.value.message
