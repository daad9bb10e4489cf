"""The schema's history and how it is brought to head: Alembic, ships in the wheel."""
