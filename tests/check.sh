#!/usr/bin/env bash
# The one test command: installs what is missing, builds everything, runs every test.
# usage: tests/check.sh [--all]      --all: the long suites first. Kernels in other orders of their threads and with every
#                                    access looked at, everything under the sanitizers, fuzzing, fifty kills
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ $# -gt 1 ] || [ "${1:---all}" != --all ]; then
    echo "check.sh: expected --all or nothing, got $*" >&2
    exit 2
fi
part() { echo "---- $1, after $((SECONDS / 60)) min"; }
build() { # PRESET [ARGUMENTS...]
    cmake --preset "$1" >/dev/null
    cmake --build --preset "$@"
}

train/build.sh
if [ "${1:-}" = --all ]; then
    train/install-packages.sh clang
    part "kernels, a block's threads in other orders"
    for seed in 1 2 3; do
        SWINGRAD_EMULATOR_SEED=$seed build/tests/swingrad_tests "*kernel*" "~a spoiled*"
    done
    part "kernels, every access looked at"
    build checker --target swingrad_tests
    build-checker/tests/swingrad_tests "*kernel*,[emulator]"
    part "the suite under asan"
    build asan
    # Of the programs' tests, which train dozens of times, only one.
    ctest --preset asan -j "$(nproc)" -E "a run's folder|commands compute|every command|a project outside"
    part "the program under tsan"
    # Not the suite, which is what most of the time would go to; ctest --preset tsan runs it.
    build tsan --target swingrad
    run=$(mktemp -d)
    export TSAN_OPTIONS=halt_on_error=1
    for device in cpu emulated; do
        build-tsan/swingrad gradcheck --device $device
        build-tsan/swingrad train --model nano --depths 1,1 --img-size 16 --epochs 1 --device $device \
            --output "$run/$device"
    done
    rm -rf "$run"
    part "fuzzing"
    tests/fuzz/run.sh "${FUZZ_SECONDS:-20}"
    part "kills"
    tests/test_kills.sh build/swingrad
    part "the suite"
fi
exec ctest --test-dir build --output-on-failure -j "$(nproc)"
