#!/bin/sh
# Restore a backup of a build service that does not run: sh restore.sh BACKUP STATE
#
# STATE is the folder of the service; what it has of jobs and store must be moved away before.
set -eu
umask 077
backup=$1 state=$2
for name in jobs.db jobs.db-wal store; do
    if [ -e "$state/$name" ]; then
        echo "$state has $name: move it away first" >&2
        exit 1
    fi
done
mkdir -p "$state"
cp -Rp "$backup/store" "$state/"
cp -p "$backup/jobs.db" "$state/"
