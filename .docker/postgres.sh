#!/bin/sh
# PostgreSQL on a socket alone: makes its data folder when there is none, whole or not at all, and becomes the server.
set -eu
folder=/var/lib/postgresql
programs=$(echo /usr/lib/postgresql/*/bin)

if [ ! -e "$folder/data" ]; then
    rm -rf "$folder/data.new"
    "$programs/initdb" --pgdata="$folder/data.new" --username=database --auth-local=peer --auth-host=reject \
        --encoding=UTF8 --locale=C.UTF-8
    printf 'CREATE ROLE mmio LOGIN\nCREATE DATABASE mmio OWNER mmio\n' |
        "$programs/postgres" --single -D "$folder/data.new" postgres
    mv "$folder/data.new" "$folder/data"
fi
exec "$programs/postgres" -D "$folder/data" -c listen_addresses= -c unix_socket_directories=/run/postgresql -c jit=off
