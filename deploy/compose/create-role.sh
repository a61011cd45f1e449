#!/bin/bash
# PostgreSQL's image runs this once, on an empty volume: a role that is no superuser, and a database
# of its own.
psql --no-psqlrc --set ON_ERROR_STOP=1 --set password="$ROLE_PASSWORD" <<'SQL'
CREATE ROLE impler LOGIN PASSWORD :'password';
CREATE DATABASE impler OWNER impler;
SQL
