#!/usr/bin/env bash
# Refuses each request for memory of a small training, of going on with it, of its evaluation and of a prediction, one a
# run, and that one and all after it. Each time the command must end with one line, or do without; nothing may be half
# written, and the run goes on to the same bits. With SWINGRAD_EXHAUSTIVE every request, else a sample.
# usage: test_allocations.sh FOLDER, where the program and the libraries were built; swingrad lies above it
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/faults.sh"
swingrad=$(realpath "$built/../swingrad")

# sample UP_TO COUNT: all, or so many of them in about equal steps, with another start each time it is asked.
turn=0
sample() {
    local step=$((($1 + $2 - 1) / $2))
    [ -z "${SWINGRAD_EXHAUSTIVE:-}" ] || step=1
    seq $((1 + turn % step)) "$step" "$1"
}
# requests ARGUMENTS...: how many the command makes; what it says is kept as `expected`.
requests() {
    faults=(LD_PRELOAD="$built/libfault_allocations.so" FAULT_COUNT="$folder/count")
    run "$@" || wrong "$*, with nothing refused: $(cat err)"
    cp out expected
    cat count
}
# refuse KIND AT ARGUMENTS...: the command with that request refused. Returns its status, and looks at what it says.
refuse() {
    local kind=$1 at=$2 status
    shift 2
    faults=(LD_PRELOAD="$built/libfault_allocations.so" FAULT_KIND="$kind" FAULT_AT="$at")
    run "$@"
    status=$?
    if [ $status != 0 ]; then
        ended=$((ended + 1))
        # 127: the system's own loader found no memory before the program began.
        [ $status = 1 ] || [ $status = 127 ] || wrong "$what: exit code $status: $(cat err)"
        [ "$(wc -l <err)" = 1 ] || wrong "$what: $(wc -l <err) lines, expected one: $(head -c 600 err)"
    else
        [ "$(wc -l <err)" -le 1 ] || wrong "$what: said $(head -c 600 err)"
    fi
    return $status
}

# ---- training, and going on with it

count=$(requests train --threads 1 --output counted)
[ "$count" -gt 1000 ] || wrong "only $count requests seen"
mkdir begun
cp -r whole/config.json whole/log.jsonl whole/last.safetensors whole/previous.safetensors whole/best.safetensors begun
resumable=begun
cp begun/previous.safetensors begun/last.safetensors # in the middle of an epoch
for command in start resume; do
    [ $command = start ] || count=$(rm -rf run && cp -r $resumable run && requests train --threads 1 --resume run)
    for kind in once on; do
        tried=0 ended=0
        for at in $(sample "$count" 250); do
            rm -rf run
            what="$command, request $at of $count refused ($kind)"
            tried=$((tried + 1))
            if [ $command = start ]; then
                refuse $kind "$at" train --threads 1 --output run
            else
                cp -r $resumable run
                refuse $kind "$at" train --threads 1 --resume run
            fi && is_whole "$what" run || go_on "$what" run
        done
        turn=$((turn + 1))
        [ $tried -gt 30 ] || wrong "$command, $kind: only $tried requests refused, of $count"
        echo "$command, $kind: $tried of $count requests refused, $ended of these ended the run"
    done
done

# ---- commands that write nothing: the same answer, or one line

answers() { # NAME COUNT ARGUMENTS...
    local name=$1 most=$2 count kind at
    shift 2
    count=$(requests "$@")
    for kind in once on; do
        tried=0 ended=0
        for at in $(sample "$count" "$most"); do
            what="$name, request $at of $count refused ($kind)"
            tried=$((tried + 1))
            refuse $kind "$at" "$@" && { cmp -s out expected || wrong "$what: another answer: $(head -c 300 out)"; }
        done
        turn=$((turn + 1))
        [ $tried -gt 30 ] || wrong "$name, $kind: only $tried requests refused, of $count"
        echo "$name, $kind: $tried of $count requests refused, $ended of these ended it"
    done
}
answers evaluate 100 evaluate --threads 1 --checkpoint whole
faults=()
program=$swingrad
run train --threads 1 --data shapes --img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 1,1 --window-size 2 \
    --batch-size 400 --epochs 1 --output shapes || wrong "a run of swingrad: $(cat err)"
answers predict 100 predict --threads 1 --checkpoint shapes "$images/colour.jpg" "$images/palette.png"

conclude
