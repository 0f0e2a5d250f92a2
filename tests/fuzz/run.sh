#!/usr/bin/env bash
# Runs fuzz targets, one after the other, from their seeds and from what earlier runs in build-asan came upon.
# usage: tests/fuzz/run.sh SECONDS [TARGET...]      seconds for each; all targets by default. Needs clang.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:?seconds for each target}
shift
cmake --preset asan >/dev/null
targets=("$@")
[ $# -gt 0 ] || targets=(safetensors checkpoint cifar image config run_config run_log cells names)
log=build-asan/fuzz.log
cmake --build --preset asan --target make_seeds "${targets[@]/#/fuzz_}" >"$log" || { cat "$log"; exit 1; }

build-asan/tests/fuzz/make_seeds build-asan/seeds
export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # a target that writes does so tens of thousands of times
for target in "${targets[@]}"; do
    corpus=build-asan/corpus/$target
    mkdir -p "$corpus"
    folders=("$corpus" "build-asan/seeds/$target")
    if [ -d tests/fuzz/regressions/"$target" ]; then folders+=(tests/fuzz/regressions/"$target"); fi
    echo "fuzz_$target: $seconds s"
    log=build-asan/$target.log
    # A file may ask for more memory than there is. What counts is what is used: the limit is on resident memory alone.
    nice build-asan/tests/fuzz/fuzz_"$target" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=16384 \
        -timeout=25 -max_len=8192 -print_final_stats=1 -artifact_prefix="build-asan/$target-" \
        "${folders[@]}" >"$log" 2>&1 || {
        tail -n 50 "$log"
        echo "fuzz_$target has found something. Mend it, and keep the input in tests/fuzz/regressions/$target"
        exit 1
    }
    grep -E "cov:" "$log" | tail -n 1
    grep -E "number_of_executed_units|average_exec_per_sec|peak_rss_mb|slowest_unit" "$log"
done
