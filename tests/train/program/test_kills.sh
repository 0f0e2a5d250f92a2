#!/usr/bin/env bash
# Ends one training with kill -9 at fifty random moments, resuming each time, and compares what comes out with a run
# that was left alone: the same weights to the byte, each epoch once in the log, no file more or less.
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
# With `exec`, so that $! is the program itself: killing a shell would leave the program running.
train() { exec "$program" train "$@" >out 2>err; }

start=$(milliseconds)
train "${training[@]}" --output whole &
until [ -s whole/last.safetensors ] || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
to_first_checkpoint=$(($(milliseconds) - start))
wait $! || wrong "the run that is left alone: $(cat err)"
all=$(($(milliseconds) - start))

# A life ends at any moment from its start to some steps after its first checkpoint. Where the lives so far have come
# more than half as far as they may, the next ends before its first: the run must not be over before its last kill, however
# the machine's speed changes meanwhile.
epochs_of() { grep -so '"epoch":[0-9]*' "$1/log.jsonl"; }
arguments=("${training[@]}" --output killed)
for ((number = 1; number <= kills; number++)); do
    most=$((to_first_checkpoint + 4 * all / kills))
    [ "$(epochs_of killed | wc -l)" -le $((epochs * number / kills / 2)) ] || most=$((to_first_checkpoint / 2))
    train "${arguments[@]}" &
    delay=$(((RANDOM * 32768 + RANDOM) % most))
    sleep $((delay / 1000)).$(printf %03d $((delay % 1000)))
    kill -KILL $! 2>/dev/null || wrong "life $number ended before it was killed, after $delay ms: $(cat out err)"
    wait $! 2>/dev/null
    [ $? = 137 ] || wrong "life $number ended before it was killed, after $delay ms: $(cat out err)"
    # Killed before it could write a config.json, a run is none yet, and what there is of it is no obstacle.
    [ ! -e killed/config.json ] || arguments=(--resume killed)
done
[ -e killed/model.safetensors ] && wrong "the run was over before its last kill"
reached=$(epochs_of killed | wc -l)
(train "${arguments[@]}") || wrong "the last life: $(cat err)"

cmp whole/model.safetensors killed/model.safetensors || wrong "killed and resumed, the weights differ"
[ "$(epochs_of whole | sort -u | wc -l)" = $epochs ] || wrong "the run that is left alone has not logged $epochs epochs"
diff <(epochs_of whole) <(epochs_of killed) || wrong "an epoch is missing or comes twice in the log"
for run in whole killed; do (cd $run && find . | sort) >$run.files; done
diff whole.files killed.files || wrong "the two runs hold different files"
echo "all is well: $all ms left alone; $reached of $epochs epochs done at the last kill"
