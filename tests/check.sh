#!/usr/bin/env bash
# The one test command: installs what is missing, builds everything, runs every test.
# usage: tests/check.sh [--all]      --all: the long suites first. Under the sanitizers, fuzzing, fifty kills
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ $# -gt 1 ] || [ "${1:---all}" != --all ]; then
    echo "check.sh: expected --all or nothing, got $*" >&2
    exit 2
fi
train/build.sh
if [ "${1:-}" = --all ]; then
    train/install-packages.sh clang
    for preset in asan tsan; do
        echo "---- the suite under $preset"
        cmake --preset $preset >/dev/null
        cmake --build --preset $preset
        # The program's test trains a dozen times: a quarter of an hour under tsan, so that one training stands for it.
        without=()
        [ $preset = asan ] || without=(-E "survives being killed")
        ctest --preset $preset -j "$(nproc)" "${without[@]}"
    done
    run=$(mktemp -d)
    TSAN_OPTIONS=halt_on_error=1 build-tsan/swingrad train --model nano --img-size 16 --epochs 1 --output "$run/tsan"
    rm -rf "$run"
    echo "---- fuzzing"
    tests/fuzz/run.sh "${FUZZ_SECONDS:-20}"
    echo "---- kills"
    tests/test_kills.sh build/swingrad
fi
exec ctest --test-dir build --output-on-failure
