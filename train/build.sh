#!/usr/bin/env bash
# Builds swingrad in build/, installing first what is missing. Arguments go to cmake --build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

train/install-packages.sh
# A folder configured before keeps its generator and its settings.
[ -e build/CMakeCache.txt ] || cmake -B build -G Ninja >/dev/null
cmake --build build "$@"
