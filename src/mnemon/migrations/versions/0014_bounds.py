"""Sums of metrics are bounded, so that no organisation's stop the adding up of everybody's.

Never edited after a release: a later change is a later migration.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

#: What one statement can bring, and what an hour or a day of it can come to.
BOUNDS = {
    "metric_partials": {"count": "1000000000", "total": "1e110", "squares": "1e210"},
    "metric_rollups": {"count": "10000000000000000", "total": "1e140", "squares": "1e240"},
}


def upgrade() -> None:
    for table, most in BOUNDS.items():
        # Values of measurements are bounded already: what is beyond these was never added up from any.
        op.execute(
            f"""
            UPDATE {table} SET sample_count = least(sample_count, {most["count"]}),
              total = CASE WHEN total BETWEEN -{most["total"]} AND {most["total"]} THEN total ELSE 0 END,
              total_of_squares =
                CASE WHEN total_of_squares BETWEEN 0 AND {most["squares"]} THEN total_of_squares ELSE 0 END,
              minimum = greatest(least(minimum, maximum, 1e100), -1e100),
              maximum = least(greatest(minimum, maximum, -1e100), 1e100)
            WHERE NOT (sample_count <= {most["count"]} AND total BETWEEN -{most["total"]} AND {most["total"]}
              AND total_of_squares BETWEEN 0 AND {most["squares"]}
              AND minimum BETWEEN -1e100 AND maximum AND maximum <= 1e100)
            """
        )
        _drop(table)
        for column, rule in {
            "sample_count": f"sample_count BETWEEN 1 AND {most['count']}",
            "total": f"total BETWEEN -{most['total']} AND {most['total']}",
            "total_of_squares": f"total_of_squares BETWEEN 0 AND {most['squares']}",
            "minimum": "minimum BETWEEN -1e100 AND maximum",
            "maximum": "maximum BETWEEN minimum AND 1e100",
        }.items():
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{column} CHECK ({rule})")


def downgrade() -> None:
    for table in BOUNDS:
        _drop(table)
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_sample_count CHECK (sample_count > 0)")
    op.execute("ALTER TABLE metric_rollups ADD CONSTRAINT ck_metric_rollups_minimum CHECK (minimum <= maximum)")


def _drop(table: str) -> None:
    for column in ("sample_count", "total", "total_of_squares", "minimum", "maximum"):
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS ck_{table}_{column}")
