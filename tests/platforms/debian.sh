#!/bin/sh
# Unpack Debian's Python for another architecture, with all libraries that it needs and its headers, into a folder.
#
#     debian.sh FOLDER ARCHITECTURE
#
# The folder stands for "/" around that Python. 20 seconds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 architecture=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$here/apt.sh" "$work/apt" "$architecture" --yes --download-only install python3.11 libpython3.11-dev > "$work/log"
mkdir "$work/root"
for package in "$work"/apt/archives/*.deb; do
    dpkg-deb --extract "$package" "$work/root"
done
mkdir -p "$(dirname "$folder")"
mv "$work/root" "$folder"
