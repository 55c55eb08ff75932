#!/usr/bin/env bash
# Installs Qdrant's engine, at the version that tests/qdrant-engine/requirements.txt pins, for the test that compares the
# tests' stand-in of Qdrant with it. Into target/qdrant-engine, where nothing else is changed by it. Does nothing where that
# is done.
set -euo pipefail
cd "$(dirname "$0")/.."

list=tests/qdrant-engine/requirements.txt
folder=${CARGO_TARGET_DIR:-target}/qdrant-engine
if [ -x "$folder/bin/python" ] && cmp -s "$list" "$folder/installed.txt"; then
    exit 0
fi
echo "installing Qdrant's engine into $folder" >&2
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
cp "$list" "$folder/installed.txt"
