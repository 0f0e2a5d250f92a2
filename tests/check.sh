#!/usr/bin/env bash
# The one test command: installs what is missing, builds everything, runs every test.
# usage: tests/check.sh [--all | PART...]      --all: all parts below, before the suite; PART: only those
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

parts=(orders checker asan tsan fuzz kills)
build() { # PRESET [ARGUMENTS...]
    cmake --preset "$1" >/dev/null
    cmake --build --preset "$@"
}

# Kernels, with a block's threads in other orders.
orders() {
    for seed in 1 2 3; do
        SWINGRAD_EMULATOR_SEED=$seed build/tests/swingrad_tests "*kernel*" "~a mutated*"  # which takes as long as all
    done
}
# Kernels, with every access looked at: by the emulator, if need be in a build of its own.
checker() {
    local emulating=build
    if grep -q "^CMAKE_CUDA_COMPILER:" build/CMakeCache.txt; then
        emulating=build-emulated
        cmake -B $emulating -G Ninja -DSWINGRAD_CUDA=EMULATE >/dev/null
        cmake --build $emulating
    fi
    cmake --build $emulating --target checked
    local tests
    for tests in "the access checker is there" "*kernel*" "[emulator]"; do
        LD_LIBRARY_PATH=$emulating/checked $emulating/tests/swingrad_tests "$tests" "~a mutated*"
    done
}
# The suite under AddressSanitizer and UndefinedBehaviorSanitizer, but for what does the same a hundred times over: of
# the tests of the built program, one goes through all commands, and the others would take a quarter of an hour.
asan() {
    train/install-packages.sh clang
    build asan
    ctest --preset asan -j "$(nproc)" \
        -E "a mutated|survives being killed|a run's folder|commands compute|experiments measure|a project outside"
}
# The program under ThreadSanitizer. Not the suite, most of which has but one thread; ctest --preset tsan runs it.
tsan() {
    build tsan --target swingrad
    local run
    run=$(mktemp -d)
    for device in cpu emulated; do
        TSAN_OPTIONS=halt_on_error=1 build-tsan/swingrad gradcheck --device $device
        TSAN_OPTIONS=halt_on_error=1 build-tsan/swingrad train --embed-dim 16 --num-heads 1,2 --depths 1,1 \
            --img-size 16 --patch-size 8 --epochs 1 --device $device --output "$run/$device"
    done
    rm -rf "$run"
}
# Readers of files, given bytes that a fuzzer makes up.
fuzz() {
    train/install-packages.sh clang
    tests/fuzz/run.sh "${FUZZ_SECONDS:-20}"
}
# Fifty kills in one training.
kills() { tests/train/program/test_kills.sh build/swingrad; }

chosen=("$@")
[ "$*" != --all ] || chosen=("${parts[@]}")
for part in "${chosen[@]}"; do
    if [[ " ${parts[*]} " != *" $part "* ]]; then
        echo "check.sh: expected --all or some of ${parts[*]}, got $part" >&2
        exit 2
    fi
done
train/build.sh
for part in "${chosen[@]}"; do
    echo "---- $part, after $((SECONDS / 60)) min"
    "$part"
done
echo "---- the suite, after $((SECONDS / 60)) min"
exec ctest --test-dir build --output-on-failure -j "$(nproc)"
