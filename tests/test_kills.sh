#!/usr/bin/env bash
# Ends one training with kill -9 at fifty random moments, resuming each time, and compares what comes out with a run that
# was left alone: the same weights to the byte, each epoch once in the log, no file more or less.
# usage: test_kills.sh PROGRAM [KILLS [SEED]]
set -uo pipefail

program=$(realpath "$1")
kills=${2:-50}
seed=${3:-$RANDOM}
RANDOM=$seed
echo "$kills kills, seed $seed"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
epochs=15
training=(--data shapes --model nano --img-size 16 --batch-size 400 --epochs $epochs --checkpoint-every 1)

wrong() {
    echo "WRONG (seed $seed): $*"
    exit 1
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
train() { "$program" train "$@" >out 2>err; }

start=$(milliseconds)
train "${training[@]}" --output whole &
until [ -s whole/last.safetensors ] || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
to_first_checkpoint=$(($(milliseconds) - start))
wait $! || wrong "the run that is left alone: $(cat err)"
all=$(($(milliseconds) - start))

# A life ends at any moment from its start to some steps after its first checkpoint: all lives together come a quarter
# of the way, so that the run is not over before its last kill even where the machine has become faster meanwhile.
most=$((to_first_checkpoint + all / kills / 2))
arguments=("${training[@]}" --output killed)
for ((number = 1; number <= kills; number++)); do
    train "${arguments[@]}" &
    delay=$(((RANDOM * 32768 + RANDOM) % most))
    sleep $((delay / 1000)).$(printf %03d $((delay % 1000)))
    kill -KILL $! 2>/dev/null || wrong "life $number ended before it was killed, after $delay ms: $(cat out err)"
    wait $! 2>/dev/null
    [ $? = 137 ] || wrong "life $number ended before it was killed, after $delay ms: $(cat out err)"
    # Killed before it could write a config.json, a run is none yet.
    if [ -e killed/config.json ]; then arguments=(--resume killed); else rm -rf killed; fi
done
[ -e killed/model.safetensors ] && wrong "the run was over before its last kill"
reached=$(wc -l <killed/log.jsonl 2>/dev/null)
train "${arguments[@]}" || wrong "the last life: $(cat err)"

cmp whole/model.safetensors killed/model.safetensors || wrong "killed and resumed, the weights differ"
epochs_of() { grep -o '"epoch":[0-9]*' "$1/log.jsonl"; }
[ "$(epochs_of whole | sort -u | wc -l)" = $epochs ] || wrong "the run that is left alone has not logged $epochs epochs"
diff <(epochs_of whole) <(epochs_of killed) || wrong "an epoch is missing or comes twice in the log"
for run in whole killed; do (cd $run && find . | sort) >$run.files; done
diff whole.files killed.files || wrong "the two runs hold different files"
echo "all is well: $all ms left alone; ${reached:-0} of $epochs epochs done at the last kill"
