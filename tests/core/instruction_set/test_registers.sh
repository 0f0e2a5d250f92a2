#!/usr/bin/env bash
# Only the fast paths of an instruction set use its registers: read off the libraries. And these let no symbol out.
# usage: test_registers.sh BUILD_FOLDER
set -euo pipefail
cd "$1"
failed=0
wrong() { echo "$*" && failed=1; }

# LIBRARY PATTERN: how many of its instructions name such a register.
uses() { objdump -d --no-show-raw-insn "$1" | grep -cE "$2" || true; }

for library in libswingrad_*.so swingrad; do
    case $library in
        libswingrad_fast_avx2.so) unwanted='%zmm|%tmm|%k[1-7]' wanted='%ymm' ;;
        libswingrad_fast_avx512*.so) unwanted='%tmm' wanted='%zmm' ;;
        libswingrad_fast_amx.so) unwanted='%mm0' wanted='tdpbf16ps' ;;
        *) unwanted='%[yz]mm|%tmm' wanted='' ;;
    esac
    count=$(uses $library "$unwanted")
    [ "$count" = 0 ] || wrong "$library: $count instructions use $unwanted"
    [ -z "$wanted" ] || [ "$(uses $library "$wanted")" -gt 100 ] || [[ $wanted == tdp* && $(uses $library "$wanted") -gt 0 ]] ||
        wrong "$library: no instruction uses $wanted"
done
for library in libswingrad_fast_*.so; do
    symbols=$(nm -D --defined-only "$library")
    [ -z "$symbols" ] || wrong "$library lets out: $symbols"
done
exit $failed
