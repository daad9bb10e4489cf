"""What a schema is, by name: two databases that were made on different ways are compared by it."""

from __future__ import annotations

from typing import Any

# Partitions of time series are named by their day; indexes and constraints of any partition follow their parent's.
_OURS = """
SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
"""
_PARTS = {
    "relation": """
        SELECT c.relname, c.relkind::text, c.relpersistence::text, c.relrowsecurity, c.relforcerowsecurity,
          c.relacl::text, c.reloptions::text, c.relowner::regrole::text, pg_get_partkeydef(c.oid),
          obj_description(c.oid, 'pg_class')
        FROM pg_class c WHERE c.oid IN (SELECT oid FROM ours)
    """,
    "column": """
        SELECT a.attrelid::regclass::text, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname,
          format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text, a.attgenerated::text,
          a.attstorage::text, a.attcompression::text, a.attstattarget, a.attacl::text, a.attcollation,
          pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum)
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid IN (SELECT oid FROM ours) AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraint": """
        SELECT c.conrelid::regclass::text, c.conname, c.convalidated, pg_get_constraintdef(c.oid)
        FROM pg_constraint c WHERE c.conrelid IN (SELECT oid FROM ours) AND c.conparentid = 0
    """,
    "index": """
        SELECT pg_get_indexdef(i.indexrelid), i.indisvalid FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM ours)
    """,
    # In their order, which foreign keys act in; the name of one's trigger ends with a number of the server's.
    "trigger": """
        SELECT t.tgrelid::regclass::text, row_number() OVER (PARTITION BY t.tgrelid ORDER BY t.tgname),
          coalesce(c.conname, t.tgname), t.tgtype, t.tgenabled::text, t.tgdeferrable, t.tginitdeferred,
          t.tgfoid::regprocedure::text
        FROM pg_trigger t LEFT JOIN pg_constraint c ON c.oid = t.tgconstraint
        WHERE t.tgrelid IN (SELECT oid FROM ours) AND coalesce(c.conparentid, 0) = 0
    """,
    "policy": """
        SELECT p.polrelid::regclass::text, p.polname, p.polcmd::text, p.polpermissive, p.polroles::regrole[]::text,
          pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
        FROM pg_policy p
    """,
    "function": """
        SELECT p.oid::regprocedure::text, p.prosrc, p.proconfig::text, p.proacl::text, p.prosecdef, p.proleakproof,
          p.provolatile::text, p.procost, p.proowner::regrole::text, pg_get_function_result(p.oid)
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
    """,
    "type": """
        SELECT t.typname, t.typowner::regrole::text, t.typacl::text,
          (SELECT string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)
        FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e'
    """,
    "sequence": """
        SELECT s.seqrelid::regclass::text, s.seqtypid::regtype::text, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle
        FROM pg_sequence s
    """,
    "view": """
        SELECT c.relname, pg_get_viewdef(c.oid) FROM pg_class c
        WHERE c.relkind IN ('v', 'm') AND c.oid IN (SELECT oid FROM ours)
    """,
}


async def catalogue(connection: Any) -> dict[str, set[tuple[Any, ...]]]:
    """Everything of a database's schema, by kind."""
    return {
        kind: {tuple(row) for row in await connection.fetch(f"WITH ours AS ({_OURS}) {part}")}
        for kind, part in _PARTS.items()
    }
