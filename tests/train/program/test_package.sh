#!/usr/bin/env bash
# Installs a build and uses it from outside, as a project that builds on swingrad does: tests/examples.
# usage: test_package.sh BUILD [CMAKE ARGUMENTS...]      the arguments configure the project outside
set -uo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../examples" && pwd)
build=$(realpath "$1")
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

wrong() {
    echo "WRONG: $*"
    exit 1
}
# Runs a command, and shows what it said only where it fails.
quietly() { "$@" >said 2>&1 || { cat said; wrong "$*"; }; }

# The package must not remember where it was installed: it is moved before it is used.
quietly cmake --install "$build" --prefix "$folder/installed"
mv installed moved
unset LD_LIBRARY_PATH
quietly moved/bin/swingrad --version
quietly moved/bin/swingrad gradcheck pointwise/relu

# Where kernels are for a GPU, only nvcc can read the headers that they share.
by_nvcc='no header says this'
[ -d moved/include/swingrad/cuda/hardware ] && by_nvcc='"(cuda_runtime|cuda/toolkit/(kernel|elementwise)|cuda/hardware/.*)\.h"'
(cd moved/include && find swingrad -name '*.h' | sort | xargs grep -LE "$by_nvcc" | sed 's/.*/#include <&>/') >headers
[ "$(wc -l <headers)" -gt 40 ] || wrong "only $(wc -l <headers) headers are installed"
mkdir outside
(cat headers && echo 'int main() {}') >outside/every_header.cpp
quietly cmake -S "$source" -B outside -DCMAKE_PREFIX_PATH="$folder/moved" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@"
grep -qF -- "-march=" outside/compile_commands.json && wrong "those who link swingrad inherit its -march"
grep -F train_two_layers outside/compile_commands.json | grep -qF -- "-Werror" && wrong "those who link swingrad inherit its -Werror"
quietly cmake --build outside
quietly cmake --build outside --target own_op_wrong every_header

# ---- a network learns

outside/train_two_layers >said || { cat said; wrong "train_two_layers: exit code $?"; }
cat said
grep "loss" said | awk '{ if (NR > 1 && $4 >= last) exit 1; last = $4 }' || wrong "train_two_layers: the loss does not fall"

# ---- an operation of one's own is proved, and a wrong one is not

outside/own_op >said || { cat said; wrong "own_op: exit code $?"; }
grep -q "^softplus  *ok" said || wrong "own_op: its gradient case was not run"
grep -q "^layer_norm  *ok" said || wrong "own_op: the cases of swingrad's own operations were not run"
outside/own_op_wrong >said && wrong "own_op: a wrong backward passes"
grep -q "^gradcheck  *WRONG" said || { cat said; wrong "own_op: gradcheck takes a wrong backward for right"; }
grep -q "^softplus  *WRONG" said || { cat said; wrong "own_op: the gradient case takes a wrong backward for right"; }
[ "$(grep -c " WRONG," said)" = 2 ] || { cat said; wrong "own_op: a mistake in it makes another case fail"; }
grep "WRONG" -A 1 said

echo "all is well"
