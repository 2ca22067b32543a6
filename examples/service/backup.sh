#!/bin/sh
# Back up a build service that may be running: sh backup.sh STATE BACKUP
#
# STATE is the folder of the service, and BACKUP a folder elsewhere, which may have an earlier backup. The order matters: a
# build is noted after its record is in the store, and a record is written after its objects. So whatever the copy of the
# database names is in the copied records, and whatever these name is in the copied objects.
set -eu
umask 077
state=$1 backup=$2
mkdir -p "$backup/store"
rm -f "$backup/jobs.db.new"
"${PYTHON:-python3}" -c '
import sqlite3, sys
sqlite3.connect(f"file:{sys.argv[1]}?mode=rw", uri=True).execute("VACUUM INTO ?", sys.argv[2:])
' "$state/jobs.db" "$backup/jobs.db.new"
for part in store.json cells objects; do
    if [ -e "$state/store/$part" ]; then cp -Rpuf "$state/store/$part" "$backup/store/"; fi
done
mv "$backup/jobs.db.new" "$backup/jobs.db"
