#!/usr/bin/env bash
# Installs OpenAI's own client for Python, at the versions that tests/openai-clients.txt pins, for the tests that drive
# Rose with it: into target/openai-clients, where nothing else is changed by it. Does nothing where that is done.
set -euo pipefail
cd "$(dirname "$0")/.."

list=tests/openai-clients.txt
folder=${CARGO_TARGET_DIR:-target}/openai-clients
if [ -x "$folder/bin/python" ] && cmp -s "$list" "$folder/installed.txt"; then
    exit 0
fi
echo "installing OpenAI's client into $folder" >&2
rm -rf "$folder"
python3 -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$list"
cp "$list" "$folder/installed.txt"
