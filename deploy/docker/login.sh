#!/bin/sh
# Makes the application's login; it may be run again. The role mnemon_app comes with `mnemon db upgrade`.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$MNEMON_APP_PASSWORD" -d "$DATABASE_OWNER_URL" <<'SQL'
SELECT 'CREATE ROLE mnemon_login LOGIN IN ROLE mnemon_app'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mnemon_login') \gexec
ALTER ROLE mnemon_login PASSWORD :'password';
SQL
