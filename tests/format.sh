#!/usr/bin/env bash
# Whether every source is laid out as .clang-format says: by clang-format 14, as others break lines elsewhere.
# usage: tests/format.sh [--fix]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=clang-format-14
if ! command -v $program >/dev/null; then
    program=clang-format
    command -v $program >/dev/null || train/install-packages.sh clang-format
    if [[ "$($program --version)" != *"version 14."* ]]; then
        echo "format.sh: needs clang-format 14, got $($program --version)" >&2
        exit 2
    fi
fi
how=(--dry-run --Werror)
[ "${1:-}" != --fix ] || how=(-i)
git ls-files -z -co --exclude-standard '*.h' '*.cpp' '*.cu' | xargs -0 -n 20 -P "$(nproc)" $program "${how[@]}" || {
    echo "tests/format.sh --fix lays them out" >&2
    exit 1
}
