#!/usr/bin/env bash
# Drives the built program through runs in phases: what is refused, what is logged, killed around the switch.
# usage: test_progressive.sh PROGRAM
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

tiny=(train --data shapes --model nano --depths 1,1 --embed-dim 12 --num-heads 1,2 --img-size 16)

# ---- what is refused

refuses 2 'is no phase' "${tiny[@]}" --progressive 16
refuses 2 'shares must sum to 1, these to 0.9' "${tiny[@]}" --progressive 8:0.5,16:0.4
refuses 2 '"10:0.5" cannot be: [config] img_size 10 x 10 must be a multiple' "${tiny[@]}" --progressive 10:0.5,16:0.5
refuses 2 'must be the model itself' "${tiny[@]}" --progressive 16:0.5,8:0.5
refuses 2 '"8:0.1" has no epoch of 2' "${tiny[@]}" --epochs 2 --progressive 8:0.1,16:0.9
refuses 2 '--progressive contradicts --task segmentation' "${tiny[@]}" --task segmentation --progressive 8:0.5,16:0.5
refuses 2 '--progressive contradicts --probe' "${tiny[@]}" --init x --probe --progressive 8:0.5,16:0.5
[ -e runs ] && wrong "a refused training left a folder"

# ---- a whole run: its log, its checkpoints, its result

run=("${tiny[@]}" --position-bias table --epochs 4 --model-ema --model-ema-decay 0.9 --micro-batches 2
    --progressive 8p2:0.5,16:0.5 --keep-every 2)
steps=(--batch-size 100)
says "phase 2 of 2, epochs 3 to 4: images of 16 x 16 in patches of 4 x 4" "${run[@]}" "${steps[@]}" --output whole
holds out "phase 1 of 2, epochs 1 to 2: images of 8 x 8 in patches of 2 x 2"
[ "$(grep -c '"img_size":8,.*"patch_size":2' whole/log.jsonl)" = 2 ] || wrong "lines of the first phase: $(cat whole/log.jsonl)"
[ "$(grep -c '"img_size":16,.*"patch_size":4' whole/log.jsonl)" = 2 ] || wrong "lines of the second phase"
grep -q '"weights_of_epoch":[34]' whole/log.jsonl || wrong "the result is of a phase before the last"
holds whole/config.json '"progressive": "8p2:0.5,16:0.5"'
holds whole/report.html "rows and columns of images"
says "log.jsonl                4 epochs, and the test" verify whole
says "test accuracy" evaluate --checkpoint whole
says "resampled patch_embed.proj.weight" evaluate --checkpoint whole/epoch-0002.safetensors

# ---- the same bits for any number of threads, and killed at any step around the switch

log_of() { sed 's/"images_per_s":[^,]*,//; s/"seconds":[^,}]*//' "$1/log.jsonl"; }
same_as_whole() {
    cmp whole/model.safetensors "$1/model.safetensors" || wrong "$1: the weights differ"
    cmp <(log_of whole) <(log_of "$1") || wrong "$1: the log differs"
}
says "test accuracy" "${run[@]}" "${steps[@]}" --output threads --threads 1
same_as_whole threads

# Killed in the third epoch, the first of the second phase. Its last checkpoint, or the one before, is of one step before
# the switch, of the switch itself, or of one step after it.
each=$(grep -o '"step":[0-9]*' whole/log.jsonl | head -1 | cut -d: -f2)
is_at() { grep -aq "\\\\\"batch\\\\\":$2,.*\\\\\"epoch\\\\\":$3," <(head -c 100000 "$1"); }
for place in "$((each - 1)) 1" "0 2" "1 2"; do
    read -r batch epoch <<<"$place"
    killed=killed-$epoch-$batch
    until_saved "$killed" "${run[@]}" "${steps[@]}" --checkpoint-every $((epoch * each + batch)) --output "$killed"
    process=$! # what follows has other processes
    for _ in $(seq 60000); do
        [ "$(grep -c epoch "$killed/log.jsonl" 2>/dev/null)" = 2 ] &&
            { is_at "$killed/last.safetensors" 0 2 || is_at "$killed/last.safetensors" 1 2; } &&
            { [ "$batch" != 1 ] || is_at "$killed/last.safetensors" 1 2; } && break
        kill -0 $process 2>/dev/null || break
        sleep 0.005
    done
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null
    is_at "$killed/last.safetensors" "$batch" "$epoch" ||
        cp "$killed/previous.safetensors" "$killed/last.safetensors"
    is_at "$killed/last.safetensors" "$batch" "$epoch" || wrong "$killed: no checkpoint there"
    says "epoch $epoch, batch $batch" verify "$killed" # whichever phase its files are of
    says "resuming $killed after epoch $epoch, batch $batch" train --resume "$killed"
    same_as_whole "$killed"
done

# ---- longer: the last phase takes the epochs that come to it

says "phase 2 of 2, epochs 3 to 5" train --resume threads --epochs 5
[ "$(grep -c '"img_size":8,' threads/log.jsonl)" = 2 ] || wrong "raised epochs changed the phases before"

# ---- on a device, in mixed precision

if "$program" gradcheck softmax --device emulated >/dev/null 2>&1; then
    device=("${run[@]}" --batch-size 1800 --device emulated --precision bf16)
    says "phase 2 of 2" "${device[@]}" --output device
    until_saved device-killed "${device[@]}" --output device-killed
    kill -INT $!
    wait $!
    says "test accuracy" train --resume device-killed
    cmp device/model.safetensors device-killed/model.safetensors || wrong "stopped on the device, the weights differ"
fi

exit $((failures > 0))
