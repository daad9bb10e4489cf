"""The one way down to PostgreSQL: base, engine, session (tenant), types, repository base, error mapping, SQL files.

No domain's name appears here. What a domain stores is in its own room; what makes storing safe is here.
"""
