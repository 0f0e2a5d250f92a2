#!/usr/bin/env bash
# A small training, going on with it, its evaluation, a prediction and a gradient check under valgrind's memcheck: nothing
# is read before it is given a value, nothing is touched after it is given back, nothing is lost. On the CPU: the
# emulator's threads have stacks that valgrind takes for one.
# usage: tests/valgrind.sh PROGRAM, built for a processor without AVX-512, which valgrind does not know
set -euo pipefail

program=$(realpath "$1")
tests=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# under ARGUMENTS...: without gnuplot, which would be run under valgrind too.
under() {
    echo "valgrind: swingrad $*"
    mkdir -p none
    env PATH="$folder/none" "$(command -v valgrind)" --quiet --error-exitcode=9 --leak-check=full \
        --show-leak-kinds=definite --errors-for-leak-kinds=definite --suppressions="$tests/valgrind.supp" "$program" "$@" >out 2>err || {
        tail -60 err
        exit 1
    }
    if grep -q "^==" err; then cat err && exit 1; fi
}
model=(--img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 1,2 --window-size 2)
under train --data shapes "${model[@]}" --batch-size 300 --epochs 1 --checkpoint-every 4 --threads 2 --output run
mv run/previous.safetensors run/last.safetensors
under train --resume run --threads 2
under evaluate --checkpoint run --threads 2
under predict --checkpoint run "$tests"/fixtures/images/{colour.jpg,progressive.jpg,cmyk.jpg,palette.png,rgba16.png}
under verify run
under gradcheck layer_norm multi_head_attention conv2d
echo "all is well"
