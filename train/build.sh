#!/usr/bin/env bash
# Builds swingrad in build/, installing first what is missing. Arguments go to cmake --build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

train/install-packages.sh
# A folder configured before keeps its generator and its settings.
generator=()
[ -e build/CMakeCache.txt ] || generator=(-G Ninja)
cmake -B build "${generator[@]}" >/dev/null
cmake --build build "$@"
