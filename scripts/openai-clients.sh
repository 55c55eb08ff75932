#!/usr/bin/env bash
# Installs OpenAI's own clients, for the tests that drive Rose with them: for Python at the versions that
# tests/openai-clients.txt pins, for Node at those of tests/openai-node. Into target/openai-clients, where nothing else is
# changed by it. Does nothing where that is done.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/python-tools.sh tests/openai-clients.txt openai-clients
folder=${CARGO_TARGET_DIR:-target}/openai-clients
if ! cmp -s tests/openai-node/package-lock.json "$folder/node/package-lock.json" || ! [ -d "$folder/node/node_modules/@openai/agents-realtime" ]; then
    echo "installing OpenAI's client for Node into $folder/node" >&2
    rm -rf "$folder/node"
    mkdir -p "$folder/node"
    cp tests/openai-node/package.json tests/openai-node/package-lock.json "$folder/node"
    npm ci --prefix "$folder/node" --no-audit --no-fund --silent
fi
