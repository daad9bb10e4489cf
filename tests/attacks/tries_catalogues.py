"""What the server tells of itself, and objects under the names that our functions look up."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attacks.tries import Field, Try

#: Objects that the application needs none of; each must be refused.
_OBJECTS = {
    "schema": "CREATE SCHEMA evil",
    "schema authorization": "CREATE SCHEMA AUTHORIZATION CURRENT_USER",
    "table": "CREATE TABLE public.evil (x int)",
    "temp table": "CREATE TEMP TABLE evil (x int)",
    "pg_temp table": "CREATE TABLE pg_temp.evil (x int)",
    "temp on commit": "CREATE TEMP TABLE evil (x int) ON COMMIT DROP",
    "unlogged": "CREATE UNLOGGED TABLE evil (x int)",
    "in pg_catalog": "CREATE TABLE pg_catalog.evil (x int)",
    "in information_schema": "CREATE VIEW information_schema.evil AS SELECT 1",
    "view": "CREATE VIEW public.evil AS SELECT 1",
    "temp view": "CREATE TEMP VIEW evil AS SELECT 1",
    "recursive view": "CREATE TEMP RECURSIVE VIEW evil (n) AS SELECT 1",
    "matview": "CREATE MATERIALIZED VIEW evil AS SELECT 1",
    "sequence": "CREATE SEQUENCE evil",
    "temp sequence": "CREATE TEMP SEQUENCE evil",
    "function": "CREATE FUNCTION public.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "temp function": "CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "c function": "CREATE FUNCTION pg_temp.evil() RETURNS int LANGUAGE c AS 'libc', 'system'",
    "internal function": "CREATE FUNCTION pg_temp.evil(text) RETURNS text LANGUAGE internal AS 'pg_read_file'",
    "procedure": "CREATE PROCEDURE pg_temp.evil() LANGUAGE sql AS 'SELECT 1'",
    "aggregate": "CREATE AGGREGATE pg_temp.evil (int) (SFUNC = int4pl, STYPE = int)",
    "operator": "CREATE OPERATOR pg_temp.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
    "operator family": "CREATE OPERATOR FAMILY pg_temp.evil USING btree",
    "operator class": "CREATE OPERATOR CLASS pg_temp.evil FOR TYPE int USING btree AS OPERATOR 1 <",
    "type": "CREATE TYPE pg_temp.evil AS (x int)",
    "enum": "CREATE TYPE pg_temp.evil AS ENUM ('a')",
    "shell type": "CREATE TYPE pg_temp.evil",
    "domain": "CREATE DOMAIN pg_temp.evil AS int CHECK (VALUE > 0)",
    "range": "CREATE TYPE pg_temp.evil AS RANGE (SUBTYPE = int)",
    "cast": "CREATE CAST (text AS uuid) WITH INOUT AS IMPLICIT",
    "collation": 'CREATE COLLATION pg_temp.evil FROM "C"',
    "conversion": "CREATE CONVERSION pg_temp.evil FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "language": "CREATE LANGUAGE plpython3u",
    "extension": "CREATE EXTENSION dblink",
    "extension fdw": "CREATE EXTENSION postgres_fdw",
    "extension file": "CREATE EXTENSION file_fdw",
    "extension trusted": "CREATE EXTENSION hstore",
    "alter extension": "ALTER EXTENSION vector UPDATE",
    "drop extension": "DROP EXTENSION vector CASCADE",
    "event trigger": "CREATE EVENT TRIGGER evil ON ddl_command_end EXECUTE FUNCTION touch_row()",
    "foreign wrapper": "CREATE FOREIGN DATA WRAPPER evil",
    "server": "CREATE SERVER evil FOREIGN DATA WRAPPER postgres_fdw",
    "mapping": "CREATE USER MAPPING FOR PUBLIC SERVER evil",
    "foreign table": "CREATE FOREIGN TABLE evil (x int) SERVER evil",
    "import schema": "IMPORT FOREIGN SCHEMA public FROM SERVER evil INTO public",
    "publication": "CREATE PUBLICATION evil FOR ALL TABLES",
    "subscription": "CREATE SUBSCRIPTION evil CONNECTION 'host=/tmp' PUBLICATION evil",
    "tablespace": "CREATE TABLESPACE evil LOCATION '/tmp'",
    "database": "CREATE DATABASE evil",
    "alter database": "ALTER DATABASE {database} SET row_security = off",
    "rename database": "ALTER DATABASE {database} RENAME TO evil",
    "owner database": "ALTER DATABASE {database} OWNER TO CURRENT_USER",
    "grant database": "GRANT TEMPORARY, CREATE ON DATABASE {database} TO CURRENT_USER",
    "grant schema": "GRANT CREATE ON SCHEMA public TO CURRENT_USER",
    "owner schema": "ALTER SCHEMA public OWNER TO CURRENT_USER",
    "drop schema": "DROP SCHEMA public CASCADE",
    "access method": "CREATE ACCESS METHOD evil TYPE INDEX HANDLER bthandler",
    "text search": "CREATE TEXT SEARCH CONFIGURATION pg_temp.evil (COPY = simple)",
    "text search dictionary": "CREATE TEXT SEARCH DICTIONARY pg_temp.evil (TEMPLATE = simple, STOPWORDS = 'x')",
    "transform": "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))",
    "role": "CREATE ROLE evil LOGIN SUPERUSER",
    "load": "LOAD 'auto_explain'",
    "checkpoint": "CHECKPOINT",
    "security label": "SECURITY LABEL ON TABLE memories IS 'x'",
    "parameter": "GRANT SET ON PARAMETER row_security TO CURRENT_USER WITH GRANT OPTION",
    "large object": "SELECT lo_create(0)",
    "large object bytes": "SELECT lo_from_bytea(0, 'x')",
    "large object import": "SELECT lo_import('/etc/passwd')",
    "large object export": "SELECT lo_export(1, '/tmp/evil')",
    "read file": "SELECT pg_read_file('/etc/passwd')",
    "read file of data": "SELECT pg_read_binary_file('PG_VERSION')",
    "list files": "SELECT pg_ls_dir('.')",
    "list logs": "SELECT * FROM pg_ls_logdir()",
    "list wal": "SELECT * FROM pg_ls_waldir()",
    "stat file": "SELECT pg_stat_file('PG_VERSION')",
    "reload": "SELECT pg_reload_conf()",
    "rotate": "SELECT pg_rotate_logfile()",
    "restore point": "SELECT pg_create_restore_point('x')",
    "backup": "SELECT pg_backup_start('x')",
    "switch": "SELECT pg_switch_wal()",
    "promote": "SELECT pg_promote()",
    "slot": "SELECT pg_create_logical_replication_slot('evil', 'test_decoding')",
    "physical slot": "SELECT pg_create_physical_replication_slot('evil')",
    "message": "SELECT pg_replication_origin_create('evil')",
    "statistics": "SELECT pg_stat_reset()",
    "prepared transaction": "PREPARE TRANSACTION 'evil'",
    "authid": "SELECT * FROM pg_authid",
    "passwords": "SELECT * FROM pg_shadow",
    "statistic": "SELECT * FROM pg_statistic",
    "statistic data": "SELECT * FROM pg_statistic_ext_data",
    "large objects": "SELECT * FROM pg_largeobject",
    "hba": "SELECT * FROM pg_hba_file_rules",
    "files of settings": "SELECT * FROM pg_file_settings",
    "subscriptions": "SELECT subconninfo FROM pg_subscription",
    "update pg_class": "UPDATE pg_class SET relrowsecurity = false",
    "update pg_policy": "DELETE FROM pg_policy",
    "update pg_proc": "UPDATE pg_proc SET prosecdef = true",
    "dblink": "SELECT dblink('host=/tmp', 'SELECT 1')",
}


def objects(field: Field, database: str) -> Iterator[Try]:
    """What the application needs none of."""
    for verb, statement in _OBJECTS.items():
        plain = verb in {"database", "tablespace", "subscription", "alter system", "checkpoint"}
        warned = verb.startswith("grant ")  # a warning and nothing done, says PostgreSQL; so it is looked at
        said = (statement.format(database=database),)
        yield Try(f"object/{verb}", said, refused=not warned, keep=warned, plain=plain, vague=True)


def told(field: Field) -> Iterator[Try]:
    """Every catalogue and view of the server's own, whole, as text, explained and copied."""
    for relation in field.catalogue.system:
        schema, _, name = relation.partition(".")
        quoted = f'{schema}."{name}"'
        for verb, statement in {
            "select": f"SELECT * FROM {quoted}",
            "text": f"SELECT x::text FROM {quoted} x",
            "copy": f"COPY (SELECT * FROM {quoted}) TO STDOUT",
        }.items():
            if verb == "select" or name.startswith("pg_st"):
                yield Try(f"told/{relation}/{verb}", (statement,), vague=True)
        yield Try(f"told/{relation}/update", (f"DELETE FROM {quoted}",), refused=True, vague=True)
    for verb, statement in {
        "statistics": "SELECT * FROM pg_stats WHERE schemaname = 'public'",
        "expressions": "SELECT * FROM pg_stats_ext_exprs",
        "snapshot": "SELECT pg_export_snapshot()",
        "import snapshot": "SET TRANSACTION SNAPSHOT '00000003-00000001-1'",
        "currtid": "SELECT currtid2('memories', '(0,1)')",
        "privileges": "SELECT has_any_column_privilege(c.oid, 'SELECT'), c.relname FROM pg_class c",
        "database xml": "SELECT schema_to_xml('information_schema', true, false, '')",
        "backends": "SELECT pg_stat_get_backend_activity(n), pg_stat_get_backend_client_addr(n) "
        "FROM pg_stat_get_backend_idset() n",
        "statements": "SELECT * FROM pg_stat_statements",
        "statements function": "SELECT * FROM pg_stat_statements(true)",
        "conf": "SELECT current_setting('data_directory'), current_setting('hba_file')",
        "memory": "SELECT * FROM pg_backend_memory_contexts",
        "shared memory": "SELECT * FROM pg_shmem_allocations",
        "pages": "SELECT get_raw_page('memories', 0)",
        "tuples": "SELECT * FROM pgstattuple('memories')",
        "constraint": "SELECT pg_get_constraintdef(oid) FROM pg_constraint",
        "partition bounds": "SELECT pg_get_expr(relpartbound, oid) FROM pg_class",
        "defaults": "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef",
        "settings": "SHOW ALL",
    }.items():
        yield Try(f"told/{verb}/select", (statement,), vague=True)


def hidden(field: Field) -> Iterator[Try]:
    """Temporary objects under every name that our functions and the server's catalogue have."""
    names = set(field.catalogue.read_by_functions) | {name.partition(".")[2] for name in field.catalogue.system}
    names |= {function.name for function in field.catalogue.functions}
    for name in sorted(names):
        quoted = f'"{name}"'
        for verb, statement in {
            "view": f"CREATE TEMP VIEW {quoted} AS SELECT 1 AS relowner",
            "table": f"CREATE TABLE pg_temp.{quoted} (oid oid)",
            "function": f"CREATE FUNCTION pg_temp.{quoted}() RETURNS text LANGUAGE sql AS 'SELECT current_user::text'",
            "variadic": f"CREATE FUNCTION pg_temp.{quoted}(VARIADIC \"any\") RETURNS text LANGUAGE internal AS 'now'",
            "type": f"CREATE TYPE pg_temp.{quoted} AS ENUM ('x')",
            "operator": f"CREATE FUNCTION public.{quoted}(text, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
        }.items():
            yield Try(f"hidden/{name}/{verb}", (statement,), refused=True, vague=verb == "variadic")
