"""libpq's own words, and lists of addresses in both forms: where one ends, and what is no address at all."""

from __future__ import annotations

import re

import pytest

from mnemon.core.settings import load_settings
from mnemon.core.urls import split_urls
from mnemon.db.address import parse_address
from mnemon.db.parameters import PARAMETERS
from tests.db.addresses import TAKEN, arrived, refusal


@pytest.mark.parametrize("name", sorted(set(PARAMETERS) & set(TAKEN)))
def test_any_parameter_may_stand_first_in_words(name: str) -> None:
    words = f"{name}='{TAKEN[name]}' " + " ".join(
        f"{other}={value}" for other, value in {"host": "db", "dbname": "mnemon"}.items() if other != name
    )
    settings = load_settings(database_url=words)
    assert settings.database_url is not None
    assert arrived(parse_address(settings.database_url.get_secret_value()), name) == TAKEN[name]


def test_words_of_which_none_is_known_are_no_words_and_are_not_repeated() -> None:
    for text in ("hush=x", "hush = x@db/mnemon", "hush=1 sh2=3"):
        assert "neither a URL nor" in str(refusal(text))


def test_what_is_there_twice_is_refused_and_a_list_has_commas() -> None:
    assert "comma" in str(refusal("host=a dbname=b host=c dbname=d"))


#: Lists of replicas, and what is in them.
LISTS = {
    "postgresql://a,b:1/x , postgres://c/y,": ["postgresql://a,b:1/x", "postgres://c/y"],
    "host=a dbname=b,host=c dbname=d": ["host=a dbname=b", "host=c dbname=d"],
    "host=a,b port=1,2 dbname=x,\n  sslmode=require host=c": ["host=a,b port=1,2 dbname=x", "sslmode=require host=c"],
    "host=a password='x,host=y', host=b": ["host=a password='x,host=y'", "host=b"],
    "host=a password='it\\'s,host=y', host=b": ["host=a password='it\\'s,host=y'", "host=b"],
    "host=a password=x\\,host=y, host=b": ["host=a password=x\\,host=y", "host=b"],
    "host=a dbname=x,postgresql://b,c/y": ["host=a dbname=x", "postgresql://b,c/y"],
    "postgresql://b,c/y,host=a dbname=x": ["postgresql://b,c/y", "host=a dbname=x"],
    "postgresql://app:p,x=1@b,c/y": ["postgresql://app:p,x=1@b,c/y"],
    " , ": [],
}


@pytest.mark.parametrize("text", LISTS)
def test_a_list_of_replicas_is_split_between_addresses_alone(text: str) -> None:
    settings = load_settings(database_replica_urls=text)
    found = settings.database_replica_urls
    again = split_urls(found.get_secret_value()) if found else []
    expected = [re.sub("^postgres(ql)?://", "postgresql+asyncpg://", each) for each in LISTS[text]]
    assert split_urls(text) == LISTS[text]
    assert again == expected
    for url in again:
        assert parse_address(url, "DATABASE_REPLICA_URLS").hosts
