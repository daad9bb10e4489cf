"""What a person is told to type to see that the database is there (seed 000), typed into psql as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest

from mnemon.db import embedded
from mnemon.migrations import runner
from tests.conftest import ADMIN, APP, Server

LOGIN, DATABASE = "tanka_user", "tanka_ai"

#: The tables of 000, under the names it gave them.
TABLES = """
organizations users user_preferences sessions memories conversations conversation_participants messages
message_memory_usage tasks integrations gmail_messages calendar_events drive_files entities entity_relationships
entity_mentions roles user_roles audit_logs documents document_templates devices notifications
""".split()
ADD_ORGANIZATION = "INSERT INTO organizations (name) VALUES ('Test Org') RETURNING id;"
ADD_USER = """INSERT INTO users (email, organization_id, created_at)
VALUES ('test@example.com', '<org_id>', NOW());"""
READ_USER = "SELECT * FROM users WHERE email = 'test@example.com';"
JOIN = """SELECT * FROM conversations c
JOIN conversation_participants cp ON c.id = cp.conversation_id;"""


def typed(server: Server, login: str, *commands: str, database: str = DATABASE) -> subprocess.CompletedProcess[str]:
    """What psql makes of commands."""
    program = embedded.binaries(server.endpoint.version) / "psql"
    where = ["-h", str(server.endpoint.socket_dir), "-p", str(server.endpoint.port), "-U", login, "-d", database]
    given = [part for one in commands for part in ("-c", one)]
    return subprocess.run(
        [program, "-X", "-At", "-v", "ON_ERROR_STOP=1", *where, *given], capture_output=True, text=True, check=False
    )


def psql(server: Server, login: str, *commands: str, database: str = DATABASE) -> str:
    """What psql prints, unaligned and without headers."""
    done = typed(server, login, *commands, database=database)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A database of a login that is no superuser, brought to head by the command that a person would give."""
    psql(
        server,
        ADMIN,
        f"CREATE ROLE {LOGIN} LOGIN",
        f"CREATE DATABASE {DATABASE} OWNER {LOGIN} TEMPLATE template0",
        database="postgres",
    )
    psql(
        server,
        ADMIN,
        "CREATE EXTENSION vector",
        f"DO $$ BEGIN CREATE ROLE {APP}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mnemon", "db", "upgrade"],
        env={**os.environ, "DATABASE_OWNER_URL": server.url(LOGIN, DATABASE)},
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert runner.head() in done.stdout
    yield server
    psql(server, ADMIN, f"DROP DATABASE {DATABASE} WITH (FORCE)", f"DROP ROLE {LOGIN}", database="postgres")


@pytest.mark.parametrize("login", [LOGIN, ADMIN])
def test_the_human_test_runs_as_it_stands(made: Server, login: str) -> None:
    listed = {line.split("|")[1] for line in psql(made, login, r"\dt").splitlines()}
    assert set(TABLES) <= listed, set(TABLES) - listed
    organization = psql(made, login, ADD_ORGANIZATION).split()[0]
    assert UUID(organization)
    assert psql(made, login, ADD_USER.replace("<org_id>", organization)).strip() == "INSERT 0 1"
    (row,) = psql(made, login, READ_USER).splitlines()
    assert "test@example.com" in row
    assert organization in row
    assert psql(made, login, JOIN) == ""
    # With somebody in a conversation the join has a row: for the owner of the tables, too, in the organisation alone.
    tenant = f"BEGIN; SELECT set_tenant('{organization}');"
    talk = (
        f"INSERT INTO conversations (organization_id, name) VALUES ('{organization}', 'talk');"
        "INSERT INTO conversation_participants (organization_id, conversation_id, user_id) "
        "SELECT c.organization_id, c.id, u.id FROM conversations c "
        "JOIN users u ON u.organization_id = c.organization_id;"
    )
    psql(made, login, f"{tenant} {talk} COMMIT")
    rows = psql(made, login, f"{tenant} {JOIN}").splitlines()[-1:]
    assert len(rows) == 1
    assert "|talk|" in rows[0]
    assert len(psql(made, login, JOIN).splitlines()) == (1 if login == ADMIN else 0)
    psql(made, login, f"DELETE FROM organizations WHERE id = '{organization}'")
    assert psql(made, login, READ_USER) == ""


def test_what_the_constraints_refuse_is_refused_in_psql(made: Server) -> None:
    """The fifth point of the human test: foreign keys work."""
    nobody = "00000000-0000-4000-8000-000000000000"
    somewhere = (
        "INSERT INTO conversation_participants (organization_id, conversation_id, user_id) "
        f"VALUES ('{nobody}', '{nobody}', '{nobody}');"
    )
    for login, statement in ((LOGIN, ADD_USER.replace("<org_id>", nobody)), (ADMIN, somewhere)):
        done = typed(made, login, statement)
        assert done.returncode != 0
        assert "violates foreign key constraint" in done.stderr
