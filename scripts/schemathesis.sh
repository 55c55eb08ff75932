#!/usr/bin/env bash
# Installs schemathesis, for the test that runs it over the schema, at the versions that tests/schemathesis.txt pins, into
# target/schemathesis, where nothing else is changed by it. Does nothing where that is done.
set -euo pipefail
cd "$(dirname "$0")/.."

list=tests/schemathesis.txt
folder=${CARGO_TARGET_DIR:-target}/schemathesis
if ! [ -x "$folder/bin/schemathesis" ] || ! cmp -s "$list" "$folder/installed.txt"; then
    echo "installing schemathesis into $folder" >&2
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
    cp "$list" "$folder/installed.txt"
fi
