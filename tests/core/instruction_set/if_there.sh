#!/usr/bin/env bash
# Runs the tests of the instruction set that SWINGRAD_ISA names; exit status 77 where this processor lacks it.
# usage: if_there.sh SWINGRAD TESTS [ARGUMENT...]
set -euo pipefail
if refused=$("$1" bench --model nano --img-size 16 --batch 1 --steps 1 2>&1 >/dev/null); then
    exec "${@:2}"
fi
echo "$refused"
[[ $refused == *"does not have"* ]] || exit 1
exit 77
