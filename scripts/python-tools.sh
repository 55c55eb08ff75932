#!/usr/bin/env bash
# Installs Python packages for the tests, at the versions that a list pins, into a folder of their own under target, where
# nothing else is changed by it. Does nothing where that is done.
#
# Usage: python-tools.sh LIST FOLDER
set -euo pipefail
cd "$(dirname "$0")/.."

list=$1
folder=${CARGO_TARGET_DIR:-target}/$2
if ! [ -x "$folder/bin/python" ] || ! cmp -s "$list" "$folder/installed.txt"; then
    echo "installing $list into $folder" >&2
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$folder/installed.txt"
fi
