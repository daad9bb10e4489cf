#!/bin/sh
# Makes the logins of the application and of the workers; it may be run again. The roles mnemon_app and mnemon_worker
# come with `mnemon db upgrade`.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$MNEMON_APP_PASSWORD" -v worker="$MNEMON_WORKER_PASSWORD" -d "$DATABASE_OWNER_URL" <<'SQL'
SELECT 'CREATE ROLE mnemon_login LOGIN IN ROLE mnemon_app'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mnemon_login') \gexec
ALTER ROLE mnemon_login PASSWORD :'password';
SELECT 'CREATE ROLE mnemon_worker_login LOGIN IN ROLE mnemon_worker'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mnemon_worker_login') \gexec
ALTER ROLE mnemon_worker_login PASSWORD :'worker';
SQL
