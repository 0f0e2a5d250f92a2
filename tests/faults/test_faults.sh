#!/usr/bin/env bash
# Lets each call of a small training about its folder fail, one a run, and cuts the power at each fsync; then the run
# must go on to the same bits, or have said in one line why not. With SWINGRAD_EXHAUSTIVE every call, else a sample.
# usage: test_faults.sh FOLDER, where the program and the libraries were built
set -uo pipefail

built=$(realpath "$1")
program=$built/fault_program
folder=$(realpath "$(mktemp -d)")
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
# Without gnuplot, which is no part of this and takes most of the time.
mkdir none

wrong() {
    echo "WRONG: $*"
    failures=$((failures + 1))
}
# train ARGUMENTS...: what it says of gnuplot is left out of `err`.
train() {
    env PATH="$folder/none" ${faults[@]+"${faults[@]}"} "$program" train --threads 1 "$@" >out 2>err.all
    local status=$?
    grep -v "gnuplot" err.all >err
    return $status
}
# numbers UP_TO: all, or every seventh with another start each time it is asked.
numbers() {
    if [ -n "${SWINGRAD_EXHAUSTIVE:-}" ]; then seq "$1"; else seq $((1 + $2 % 7)) 7 "$1"; fi
}
is_whole() { # WHAT RUN
    cmp -s whole/model.safetensors "$2/model.safetensors" || wrong "$1: other weights than those of a run left alone"
    [ -z "$(find "$2" -name '.*.tmp')" ] || wrong "$1: left behind $(find "$2" -name '.*.tmp' | tr '\n' ' ')"
    "$program" verify "$2" >verified 2>&1 || wrong "$1: $(tail -1 verified)"
}
# Goes on with the run, from its start where it has no settings yet.
go_on() { # WHAT RUN
    local arguments=(--output "$2")
    [ ! -e "$2/config.json" ] || arguments=(--resume "$2")
    faults=()
    train "${arguments[@]}" || wrong "$1: cannot be gone on with: $(cat err)"
    is_whole "$1" "$2"
}

faults=()
train --output whole || wrong "a run that is left alone: $(cat err)"
is_whole "left alone" whole

# ---- a call fails

faults=(LD_PRELOAD="$built/libfault_calls.so" FAULT_FOLDER="$folder/counted" FAULT_COUNT="$folder/count")
train --output counted || wrong "with nothing failing: $(cat err)"
calls=$(cat count)
[ "$calls" -gt 100 ] || wrong "only $calls calls seen"
turn=0
for kind in EIO ENOSPC EINTR short; do
    tried=0 ended=0
    for at in $(numbers "$calls" $turn); do
        rm -rf run
        what="$kind in call $at of $calls"
        faults=(LD_PRELOAD="$built/libfault_calls.so" FAULT_FOLDER="$folder/run" FAULT_AT="$at" FAULT_KIND="$kind")
        train --output run
        status=$?
        tried=$((tried + 1))
        if [ $status = 0 ]; then
            # A report or a lock that cannot be written costs no run, and is said.
            [ "$(wc -l <err)" -le 1 ] || wrong "$what: said $(cat err)"
        else
            ended=$((ended + 1))
            [ $status = 1 ] || wrong "$what: exit code $status"
            [ "$(wc -l <err)" = 1 ] || wrong "$what: $(wc -l <err) lines, expected one: $(cat err)"
        fi
        [ $status = 0 ] || [ $kind = EIO ] || [ $kind = ENOSPC ] || wrong "$what ends the run: $(cat err)"
        if [ $status = 0 ]; then is_whole "$what" run; else go_on "$what" run; fi
    done
    turn=$((turn + 1))
    echo "$kind: $tried of $calls calls failed, $ended of these ended the run"
done

# ---- the power is cut

faults=(LD_PRELOAD="$built/libfault_power.so" FAULT_FOLDER="$folder/cut" CUT_STATES="$folder/states")
train --output cut || wrong "while states are kept: $(cat err)"
states=$(ls states | grep -c lazy)
[ "$states" -gt 30 ] || wrong "only $states states of the disk seen"
for at in $(numbers "$states" 3); do
    for kind in lazy eager; do
        rm -rf run
        cp -r "states/$at-$kind" run
        go_on "power cut at fsync $at of $states, $kind" run
    done
done
echo "power: cut at $(numbers "$states" 3 | wc -l) of $states places"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
