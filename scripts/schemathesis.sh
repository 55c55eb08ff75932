#!/usr/bin/env bash
# Installs schemathesis, for the test that runs it over the schema, into target/schemathesis.
set -euo pipefail
exec bash "$(dirname "$0")/python-tools.sh" tests/schemathesis.txt schemathesis
