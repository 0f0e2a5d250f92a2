#!/usr/bin/env bash
# The built program as several processes of mpirun: the bits of one process, whatever their number, resumed by another
# number of them; what a rank that is killed, stopped, slow or started otherwise does to the others.
# usage: test_ranks.sh PROGRAM [KILLS]      exit code 77 (skipped) without mpirun, or where the program knows no MPI
. "$(dirname "$0")/program_test.sh"
kills=${2:-2}

command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # asks for rights that containers lack
mpirun -n 2 "$program" train --show-batch batch.png >out 2>err
grep -q "this build has no MPI" err && { echo "skipped: the program knows no MPI"; exit 77; }

ranks() { # N ARGUMENTS...
    local count=$1
    shift
    timeout $limit mpirun -n "$count" "$program" train "$@" >out 2>err
}
digest() { sha256sum <"$1/model.safetensors"; }
# What a log says, but for times.
log_of() { sed -E 's/"(seconds|images_per_s)":[^,}]*//g' "$1/log.jsonl"; }
model=(--data shapes --img-size 16 --embed-dim 16 --num-heads 1,2 --depths 1,1 --batch-size 64)
short=("${model[@]}" --epochs 2)

# Until the first epoch of the run in a folder is logged, or the ranks in the background have ended.
until_logged() {
    until grep -qs '"epoch":1,' "$1/log.jsonl" || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
    pids=($(pgrep -f "^$program train .*--output $1"))
    [ ${#pids[@]} -gt 0 ] || { wrong "$1 ends too early: $(cat out err)"; exit 1; }
}

same_as_one() { # FOLDER EXPECTED
    [ "$(digest "$1")" = "$(digest "$2")" ] || wrong "$1 has other weights than $2"
    diff <(log_of "$1") <(log_of "$2") || wrong "$1 has another log than $2"
}

for precision in f32 bf16; do
    "$program" train "${short[@]}" --precision $precision --output one-$precision >out 2>err || wrong "one process: $(cat err)"
    for count in 2 3 8; do
        run=$count-$precision
        ranks $count "${short[@]}" --precision $precision --output "$run" || wrong "$count processes: $(cat err)"
        same_as_one "$run" one-$precision
        [ ! -s err ] || wrong "$count processes complain: $(cat err)"
        [ "$(grep -c "test accuracy" out)" = 1 ] || wrong "$count processes do not say once what came out: $(cat out)"
        diff <(cd one-$precision && find . -type f | sort) <(cd "$run" && find . -type f | sort) ||
            wrong "$count processes leave other files"
    done
done
holds 3-f32/config.json '"micro-batches": 4'
"$program" verify 3-f32 >out 2>err || wrong "verify: $(cat out err)"

# The optimiser's memory divided, begun so or changed to, and gone on with by others.
for count in 2 3; do
    for precision in f32 bf16; do
        run=zero-$count-$precision
        ranks $count "${short[@]}" --precision $precision --zero 1 --output "$run" || wrong "--zero 1: $(cat err)"
        same_as_one "$run" one-$precision
    done
done
divided=("${model[@]}" --precision bf16 --opt muon --momentum 0.95 --weight-decay 0.1 --model-ema --model-ema-decay 0.9 --clip-grad 1)
"$program" train "${divided[@]}" --epochs 2 --output muon >out 2>err || wrong "one process: $(cat err)"
ranks 3 "${divided[@]}" --epochs 2 --zero 1 --checkpoint-every 5 --keep-every 1 --output muon-3 || wrong "--zero 1 with muon: $(cat err)"
same_as_one muon-3 muon
cmp <(tail -c +4096 muon-3/best.safetensors) <(tail -c +4096 muon/best.safetensors) || wrong "--zero 1 has other best weights"
for way in "1 0" "2 1" "4 0"; do
    read -r count zero <<<"$way"
    rm -rf half
    ranks 3 "${divided[@]}" --zero 1 --epochs 1 --output half || wrong "half a run: $(cat err)"
    ranks "$count" --resume half --epochs 2 --zero "$zero" || wrong "$count processes do not go on with --zero $zero: $(cat err)"
    [ "$count $zero" = "1 0" ] && cp -r half half-of-one
    [ "$(digest half)" = "$(digest half-of-one)" ] || wrong "$count processes go on with --zero $zero to other weights"
done
ranks 3 "${short[@]}" --reduce fast --output fast || wrong "--reduce fast: $(cat err)"
grep -q "test accuracy" out || wrong "--reduce fast does not end: $(cat out)"
refuses 2 "--zero 1 is for --device cpu, got --device emulated" train "${short[@]}" --device emulated --zero 1

# All that is random, of the emulated device too.
random=(--mixup 0.8 --cutmix 1 --reprob 0.25 --model-ema --model-ema-decay 0.9 --clip-grad 1 --grad-accum-steps 2)
for device in cpu emulated; do
    varied=("${model[@]}" --epochs 1 "${random[@]}" --device $device)
    "$program" train "${varied[@]}" --output varied-$device >out 2>err || wrong "one process: $(cat err)"
    ranks 3 "${varied[@]}" --output varied-3-$device || wrong "3 processes on $device: $(cat err)"
    same_as_one varied-3-$device varied-$device
done

# A rank is killed, and another number of them goes on.
"$program" train "${model[@]}" --epochs 8 --checkpoint-every 3 --output whole-8 >out 2>err || wrong "one process: $(cat err)"
for ((number = 1; number <= kills; number++)); do
    rm -rf killed
    ranks 3 "${model[@]}" --epochs 8 --checkpoint-every 3 --output killed &
    until_logged killed
    sleep 0.$((RANDOM % 1000))
    kill -KILL "${pids[RANDOM % ${#pids[@]}]}"
    wait $! && [ ! -e killed/model.safetensors ] && wrong "ends with success although a rank was killed"
    if [ ! -e killed/model.safetensors ]; then
        grep "^swingrad" err >lines
        cat lines
        { [ "$(wc -l <lines)" = 1 ] && grep -q "\[ranks\] rank [0-9] (process [0-9]* on .*) is gone.*step [0-9]" lines; } ||
            wrong "the rank that was killed is not named once: $(cat err)"
        ranks 2 --resume killed || wrong "2 processes do not go on: $(cat err)"
    fi
    [ "$(digest killed)" = "$(digest whole-8)" ] || wrong "killed and gone on with, the weights differ"
done

# One that is stopped is not heard of; one that computes for long is.
ranks 2 "${model[@]}" --epochs 200 --timeout 2 --output stopped &
until_logged stopped
for pid in "${pids[@]}"; do grep -qz OMPI_COMM_WORLD_RANK=1 "/proc/$pid/environ" && kill -STOP "$pid"; done
wait $! && wrong "ends with success although a rank was stopped"
pkill -KILL -f "^$program train .*--output stopped"
grep -q "\[ranks\] rank 1 .* was not heard of for 2 s" err || wrong "the rank that was stopped is not named: $(cat err)"
grep -q "to go on:.*--resume stopped" err || wrong "how to go on is not said: $(cat err)"

# Ranks that would train something else.
timeout $limit mpirun -n 1 "$program" train "${short[@]}" --output other : \
    -n 1 "$program" train "${short[@]}" --lr 0.5 --output other >out 2>err && wrong "ranks with different rates train"
grep -q "rank 1 has another --lr than rank 0: 0.5, not 0.001" err || wrong "what differs is not named: $(cat err)"
[ ! -e other ] || wrong "a run that could not begin leaves a folder"

# One that finds no room for its checkpoint says so, and no other says more.
timeout $limit mpirun -n 1 bash -c 'ulimit -f 100; exec "$@"' limited "$program" train "${model[@]}" --epochs 50 --output full : \
    -n 1 "$program" train "${model[@]}" --epochs 50 --output full >out 2>err && wrong "ends with success although files are limited"
grep "^swingrad" err >lines
{ [ "$(wc -l <lines)" = 1 ] && grep -q "File too large" lines; } || wrong "no room is not said once: $(cat lines)"

# Ctrl-C stops all of them after one step.
rm -rf interrupted
ranks 2 "${model[@]}" --epochs 8 --output interrupted &
until_logged interrupted
pkill -TERM -f "^$program train .*--output interrupted"
wait $!
grep -q "stopped after step .*--resume interrupted" out || wrong "not stopped as one: $(cat out err)"
ranks 3 --resume interrupted || wrong "3 processes do not go on: $(cat err)"
same_as_one interrupted whole-8

ranks 2 "${short[@]}" --seeds 2 --output seeds && wrong "several seeds by several ranks"
grep -q "^swingrad train: --seeds" err || wrong "several seeds are not refused: $(cat err)"
ranks 2 "${short[@]}" --output one-f32 && wrong "a folder that exists is taken"
grep -q "one-f32 exists already" err || wrong "a folder that exists is not named: $(cat err)"
refuses 2 "--timeout must be 1 to 86400, got 0" train --timeout 0

exit $((failures > 0))
