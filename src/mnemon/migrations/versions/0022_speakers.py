"""Speakers are names: who is known by name alone is no user of the organisation.

Users that stand for nobody but a speaker (see ``MADE_OF_A_NAME``) stay with what they said, and lose the name by which
somebody could be found as them, or act as them: it is the name shown still.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

#: What the external id of a former user begins with who is a speaker now.
SPEAKER = "speaker:"
#: Lets the owner run a statement over every organisation's rows, with no trigger of users: a name goes, nobody changes.
#: ``[nothing else]`` in it becomes the condition that no column refers to the user ``u`` but by what they said, where,
#: and the words of the name.
AS_OWNER = """
DO $do$
DECLARE
  statement text := $statement${statement}$statement$;
  nothing_else text;
  forced regclass[];
  one regclass;
BEGIN
  SELECT string_agg(format('NOT EXISTS (SELECT FROM %s r WHERE r.organization_id = u.organization_id AND r.%I = u.id)',
      c.conrelid::regclass, a.attname), ' AND ')
    INTO nothing_else
  FROM pg_constraint c
  CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k(own, other)
  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.own
  JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.other
  JOIN pg_class r ON r.oid = c.conrelid
  WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass AND f.attname = 'id' AND NOT r.relispartition
    AND (r.relname, a.attname) NOT IN (('messages', 'sender_id'), ('conversation_participants', 'user_id'),
      ('participant_names', 'user_id'));
  SELECT array_agg(DISTINCT r.oid::regclass) INTO forced
  FROM pg_class r
  WHERE r.relforcerowsecurity AND (r.oid IN ('users'::regclass, 'messages'::regclass) OR r.oid IN (
    SELECT c.conrelid FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = 'users'::regclass));
  FOREACH one IN ARRAY forced LOOP
    EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', one);
  END LOOP;
  ALTER TABLE users DISABLE TRIGGER USER;
  EXECUTE replace(statement, '[nothing else]', nothing_else);
  ALTER TABLE users ENABLE TRIGGER USER;
  FOREACH one IN ARRAY forced LOOP
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', one);
  END LOOP;
END $do$
"""
#: A user with no address, whom nothing in the database names but what they said, and who said something for others.
MADE_OF_A_NAME = f"""
UPDATE users u SET display_name = coalesce(u.display_name, u.external_id), external_id = '{SPEAKER}' || u.id
WHERE u.email IS NULL AND u.external_id IS NOT NULL AND u.external_id NOT LIKE '{SPEAKER}%'
  AND EXISTS (
    SELECT FROM messages m
    WHERE m.organization_id = u.organization_id AND m.sender_id = u.id AND m.user_id IS DISTINCT FROM u.id)
  AND [nothing else]
"""
#: The names again, where nobody has taken them since.
A_USER_AGAIN = f"""
UPDATE users u SET external_id = u.display_name
WHERE u.external_id = '{SPEAKER}' || u.id AND u.display_name IS NOT NULL AND NOT EXISTS (
  SELECT FROM users o
  WHERE o.organization_id = u.organization_id AND o.id <> u.id AND (o.external_id = u.display_name
    OR (o.external_id LIKE '{SPEAKER}%' AND o.display_name = u.display_name AND o.id < u.id)))
"""


def upgrade() -> None:
    op.add_column("messages", sa.Column("speaker", sa.String(255), comment=SPEAKS))
    op.execute(
        "CREATE INDEX ix_messages_speaker ON messages (organization_id, speaker, occurred_at DESC) "
        "WHERE speaker IS NOT NULL"
    )
    op.create_index("ix_users_display_name", "users", ["organization_id", "display_name"])
    op.alter_column("messages", "sender_id", existing_type=sa.Uuid(), comment=SENDS, existing_comment=SENT)
    op.alter_column("conversation_sessions", "speaker_ids", existing_type=IDS, comment=SPOKE, existing_comment=SPOKEN)
    op.add_column("participant_names", sa.Column("speaker", sa.String(255), comment=CALLED))
    _names_have("word", "num_nonnulls(user_id, agent_id, speaker) = 1", "user_id", "agent_id", "speaker")
    op.execute(AS_OWNER.replace("{statement}", MADE_OF_A_NAME))


def downgrade() -> None:
    op.execute(AS_OWNER.replace("{statement}", A_USER_AGAIN))
    op.execute("ALTER TABLE participant_names NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM participant_names WHERE speaker IS NOT NULL")
    op.execute("ALTER TABLE participant_names FORCE ROW LEVEL SECURITY")
    name = "organization_id_name_user_id_agent_id"
    _names_have(name, "(user_id IS NULL) <> (agent_id IS NULL)", "user_id", "agent_id")
    op.drop_column("participant_names", "speaker")
    op.alter_column("conversation_sessions", "speaker_ids", existing_type=IDS, comment=SPOKEN, existing_comment=SPOKE)
    op.alter_column("messages", "sender_id", existing_type=sa.Uuid(), comment=SENT, existing_comment=SENDS)
    op.drop_index("ix_users_display_name", "users")
    op.drop_index("ix_messages_speaker", "messages")
    op.drop_column("messages", "speaker")


def _names_have(name: str, rule: str, *owners: str) -> None:
    op.execute("ALTER TABLE participant_names DROP CONSTRAINT ck_participant_names_one_owner")
    op.execute(
        """
        DO $$ DECLARE name text; BEGIN
          FOR name IN SELECT conname FROM pg_constraint
            WHERE conrelid = 'participant_names'::regclass AND contype = 'u' LOOP
            EXECUTE format('ALTER TABLE participant_names DROP CONSTRAINT %I', name);
          END LOOP;
        END $$
        """
    )
    op.execute(f"ALTER TABLE participant_names ADD CONSTRAINT ck_participant_names_one_owner CHECK ({rule})")
    columns = ", ".join(("organization_id", "name", *owners))
    op.execute(
        f"ALTER TABLE participant_names ADD CONSTRAINT uq_participant_names_{name} "
        f"UNIQUE NULLS NOT DISTINCT ({columns})"
    )


IDS = sa.ARRAY(sa.Uuid())
SPEAKS = "The name of who said it, as it was given; a name, and nobody who may see anything"
CALLED = "The whole name of somebody known by name alone"
SENT = "The person who said it; null for agents and systems"
SENDS = "The user who said it; null for agents, systems, and people known by name alone"
SPOKEN = "Users and agents who spoke in it"
SPOKE = "Who spoke in it: ids of users and agents, and of speakers by name, the MD5 of the name"
