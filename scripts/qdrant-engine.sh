#!/usr/bin/env bash
# Installs Qdrant's engine into target/qdrant-engine, for the test that compares the tests' stand-in of Qdrant with it.
set -euo pipefail
exec bash "$(dirname "$0")/python-tools.sh" tests/qdrant-engine/requirements.txt qdrant-engine
