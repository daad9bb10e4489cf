"""Settings: bounds, names in the environment, and secrets that never show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from mnemon.core.errors import Invalid
from mnemon.core.settings import NEVER_FROM_A_FILE, Settings, load_settings


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


def a_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_that_lies_in_the_working_directory_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_file(tmp_path / ".env", "MNEMON_ORGANIZATION=planted\nMNEMON_ENCRYPTION_KEY_COMMAND=touch ran\n")
    monkeypatch.chdir(tmp_path)
    assert (load_settings().organization, load_settings().encryption_key_command) == ("default", None)
    assert Settings().organization == "default"


def test_a_file_that_is_named_is_read_after_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_file(
        tmp_path / "mine.env",
        "# a comment\nexport MNEMON_ORGANIZATION='from-file'\nMNEMON_EXACT_SEARCH_LIMIT=200\nOTHER=1\n"
        "DATABASE_URL=postgresql://a:b@c/d\n",
    )
    settings = load_settings(env_file=path)
    assert (settings.organization, settings.exact_search_limit) == ("from-file", 200)
    assert settings.database_url is not None
    monkeypatch.setenv("MNEMON_ENV_FILE", str(path))
    assert load_settings().organization == "from-file"
    monkeypatch.setenv("MNEMON_ORGANIZATION", "from-environment")
    settings = load_settings()
    assert (settings.organization, settings.exact_search_limit) == ("from-environment", 200)
    assert load_settings(organization="mine").organization == "mine"
    monkeypatch.setenv("MNEMON_ENV_FILE", "")
    assert load_settings().exact_search_limit == 4000


@pytest.mark.parametrize("name", sorted(NEVER_FROM_A_FILE))
def test_what_is_run_is_not_taken_from_a_file_even_where_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for line in (f"MNEMON_{name.upper()}=/bin/true", f"mnemon_{name}=/bin/true", f"{name}=/bin/true"):
        with pytest.raises(Invalid) as caught:
            load_settings(env_file=a_file(tmp_path / "mine.env", line + "\n"))
        assert (caught.value.code, caught.value.data["field"]) == ("invalid.env_file", name)
        assert "environment" in (caught.value.hint or "")
    monkeypatch.setenv(f"MNEMON_{name.upper()}", "/bin/true")
    assert str(getattr(load_settings(), name)) == "/bin/true"


def test_every_setting_that_names_what_is_run_is_known() -> None:
    named = {name for name in Settings.model_fields if name.endswith(("_command", "_programs", "_program"))}
    assert named == NEVER_FROM_A_FILE, "what is run is never taken from a file: add it to NEVER_FROM_A_FILE"


def spoil(path: Path, how: str) -> None:
    if how in {"0620", "0602", "0666"}:
        path.chmod(int(how, 8))
    elif how == "another's":
        os.chown(path, 65534, 65534)
    elif how == "binary":
        path.write_bytes(b"\xff\xfe")
    elif how == "large":
        path.write_bytes(b"#" * 2_000_000)
    else:
        path.unlink()
        if how == "directory":
            path.mkdir()
        elif how == "pipe":
            os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "how", ["0620", "0602", "0666", "another's", "missing", "directory", "pipe", "binary", "large"]
)
def test_a_file_that_others_could_have_written_is_refused(tmp_path: Path, how: str) -> None:
    if how == "another's" and os.geteuid() != 0:
        pytest.skip("only root gives files away")
    path = a_file(tmp_path / "mine.env", "MNEMON_ORGANIZATION=planted\n")
    spoil(path, how)
    with pytest.raises(Invalid) as caught:
        load_settings(env_file=path)
    assert caught.value.code == "invalid.env_file"
    assert str(path) in caught.value.message


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
