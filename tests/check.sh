#!/usr/bin/env bash
# The one test command: installs what is missing, builds everything, runs every test.
# usage: tests/check.sh [--all | --exhaustive | PART...]
#   --peers: only against PyTorch, timm and transformers, which are installed in build/peers, and in Chromium
#   --all: all parts below before the suite, meant to stay within an hour on two cores: what takes longer is sampled
#   --exhaustive: the same with nothing left out, for hours. PART: only those before the suite; also peers
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

parts=(reference orders checker asan tsan fuzz kills faults valgrind)
build() { # PRESET [ARGUMENTS...]
    cmake --preset "$1" >/dev/null
    cmake --build --preset "$@"
}

# All there is in place of a sample, with --exhaustive. Tests may ask for the variable, too.
exhaustive() { [ -n "${SWINGRAD_EXHAUSTIVE:-}" ]; }

# The library without any fast path builds, proves its gradients and trains: plain loops suffice for all of it.
reference() {
    local copy=build-reference/source run
    rm -rf $copy
    mkdir -p $copy
    cp -rp CMakeLists.txt core cuda autograd ops models train $copy # with their times: only what changed is built again
    find $copy -name "*_fast.cpp" -delete
    cmake -S $copy -B build-reference -G Ninja -DSWINGRAD_TESTS=OFF -DSWINGRAD_CUDA=EMULATE \
        -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" >/dev/null
    cmake --build build-reference --target swingrad
    build-reference/swingrad gradcheck
    run=$(mktemp -d)
    build-reference/swingrad train --data shapes --model nano --img-size 16 --epochs 1 --output "$run/run"
    rm -rf "$run"
}
# Kernels, with a block's threads in other orders.
orders() {
    local seeds="1 2 3" seed
    ! exhaustive || seeds=$(seq 16)
    for seed in $seeds; do
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
# the tests of the built program, one goes through all commands, and the others would take twenty minutes; of the
# programs of one's own the smallest, as the others take five minutes each.
asan() {
    train/install-packages.sh clang
    build asan
    local left_out="a mutated|survives being killed|a run's folder|commands compute|experiments measure|a project"
    left_out+="|the program (vit|gpt|resnet20|swin_of_layers)|training begins from weights|what a run came to|recipes by name"
    left_out+="|several (processes|machines)|strangers do no harm|whose files are damaged|folders that go away"
    left_out+="|in a browser|instruction set avx2"
    ! exhaustive || left_out="^none$"
    ctest --preset asan -j "$(nproc)" -E "$left_out"
}
# The program under ThreadSanitizer. Not the suite, most of which has but one thread.
tsan() {
    if exhaustive; then
        build tsan
        ctest --preset tsan -j "$(nproc)"
    fi
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
    local seconds=10
    ! exhaustive || seconds=600
    tests/fuzz/run.sh "${FUZZ_SECONDS:-$seconds}"
}
# Fifty kills in one training.
kills() {
    tests/train/program/test_kills.sh build/swingrad
    if exhaustive; then
        for seed in $(seq 10); do tests/train/program/test_kills.sh build/swingrad 50 "$seed"; done
    fi
}

# Each call about a run's folder fails once, and the power is cut at each fsync: a seventh of them, or all. Then each
# request for memory is refused: a sample of them, or all.
faults() {
    tests/faults/test_faults.sh build/tests
    tests/faults/test_allocations.sh build/tests
}
# A small training, an evaluation and a prediction under valgrind, which sees what is read before it is given a value.
# Built for a processor that valgrind knows: it has no AVX-512. In minutes, so only where nothing is to be left out, or
# by name.
valgrind() {
    if [ $all = yes ] && ! exhaustive; then
        echo "left out: by name, or with --exhaustive"
        return
    fi
    train/install-packages.sh valgrind
    cmake -B build-valgrind -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS_RELWITHDEBINFO="-O1 -g1" \
        -DSWINGRAD_MARCH=x86-64-v3 -DSWINGRAD_CUDA=EMULATE -DSWINGRAD_TESTS=OFF >/dev/null
    cmake --build build-valgrind --target swingrad
    tests/valgrind.sh build-valgrind/swingrad
}

# Models and folders of others, both ways, and a page in Chromium: needs the network once, for two gigabytes of packages.
# Fails where one of the libraries is missing.
peers() {
    local python=build/peers/bin/python
    [ -x $python ] || python3 -m venv build/peers || {
        train/install-packages.sh python3-venv
        python3 -m venv build/peers
    }
    $python -m pip install --quiet --disable-pip-version-check torch torchvision timm transformers safetensors
    $python -c 'import safetensors, timm, torch, torchvision, transformers
for library in torch, torchvision, timm, transformers, safetensors: print(library.__name__, library.__version__)'
    $python tests/models/compare_hubs.py build/swingrad
    $python tests/models/compare_names.py build/swingrad
    $python tests/models/compare_with_timm.py build/swingrad --models 20
    train/install-packages.sh chromium
    tests/train/program/test_explain_in_browser.sh build/swingrad
}

chosen=("$@")
all=no
case $* in
    --all) chosen=("${parts[@]}") && all=yes ;;
    --peers) chosen=(peers) ;;
    --exhaustive) chosen=("${parts[@]}") && export SWINGRAD_EXHAUSTIVE=1 ;;
esac
for part in "${chosen[@]}"; do
    if [[ " ${parts[*]} peers " != *" $part "* ]]; then
        echo "check.sh: expected --all, --exhaustive, --peers or some of ${parts[*]} peers, got $part" >&2
        exit 2
    fi
done
train/build.sh
for part in "${chosen[@]}"; do
    echo "---- $part, after $((SECONDS / 60)) min"
    "$part"
done
[ "${chosen[*]}" != peers ] || exit 0
echo "---- the suite, after $((SECONDS / 60)) min"
exec ctest --test-dir build --output-on-failure -j "$(nproc)"
