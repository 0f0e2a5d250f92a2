#!/usr/bin/env bash
# The one test command: installs what is missing, builds everything, runs every test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

train/build.sh
exec ctest --test-dir build --output-on-failure
