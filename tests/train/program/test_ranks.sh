#!/usr/bin/env bash
# The built program as several processes of mpirun: the bits of one process, whatever their number, resumed by another
# number of them; what a rank that is killed, stopped or started otherwise does to the others.
# usage: test_ranks.sh PROGRAM      exit code 77 (skipped) without mpirun, or where the program knows no MPI
set -uo pipefail

program=$(realpath "$1")
command -v mpirun >/dev/null || { echo "skipped: no mpirun"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # asks for rights that containers lack
mpirun -n 2 "$program" train --show-batch batch.png >out 2>err
grep -q "this build has no MPI" err && { echo "skipped: the program knows no MPI"; exit 77; }

wrong() {
    echo "WRONG: $*"
    cat out err
    exit 1
}
ranks() { # N ARGUMENTS...
    local count=$1
    shift
    mpirun -n "$count" "$program" train "$@" >out 2>err
}
digest() { sha256sum <"$1/model.safetensors"; }
model=(--data shapes --img-size 16 --embed-dim 16 --num-heads 1,2 --depths 1,1 --batch-size 64 --epochs 2)

for precision in f32 bf16; do
    "$program" train "${model[@]}" --precision $precision --output one-$precision >out 2>err || wrong "one process"
    for count in 1 2 3 4 8; do
        ranks $count "${model[@]}" --precision $precision --output $count-$precision || wrong "$count processes"
        [ "$(digest one-$precision)" = "$(digest $count-$precision)" ] || wrong "$count processes have other bits"
        diff <(jq -c 'del(.seconds, .images_per_s)' one-$precision/log.jsonl) \
            <(jq -c 'del(.seconds, .images_per_s)' $count-$precision/log.jsonl) || wrong "$count processes: another log"
        [ ! -s err ] || wrong "$count processes complain"
        [ "$(grep -c "test accuracy" out)" = 1 ] || wrong "$count processes do not say once what came out"
        diff <(cd one-$precision && find . -type f | sort) <(cd $count-$precision && find . -type f | sort) ||
            wrong "$count processes leave other files"
    done
done

# Stopped, and gone on with by another number of processes.
ranks 2 "${model[@]}" --epochs 40 --output killed &
until [ -s killed/log.jsonl ]; do sleep 0.05; done
pkill -KILL -f "^$program train .*--output killed" && wait
"$program" train --resume killed --epochs 2 >out 2>err && wrong "epochs were lowered below those done"
true
