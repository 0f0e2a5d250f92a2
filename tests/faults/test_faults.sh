#!/usr/bin/env bash
# Lets each call of a small training about its folder fail, one a run, and cuts the power at each fsync; then the run
# must go on to the same bits, or have said in one line why not. With SWINGRAD_EXHAUSTIVE every call, else a sample.
# usage: test_faults.sh FOLDER, where the program and the libraries were built
source "$(dirname "${BASH_SOURCE[0]}")/faults.sh"

# numbers UP_TO: all, or every seventh with another start each time it is asked.
numbers() {
    if [ -n "${SWINGRAD_EXHAUSTIVE:-}" ]; then seq "$1"; else seq $((1 + $2 % 7)) 7 "$1"; fi
}

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

conclude
