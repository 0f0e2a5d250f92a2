#!/usr/bin/env bash
# Masked images by the built program: trained, killed and resumed, judged, drawn, and begun from; and what is refused.
# usage: test_simmim.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

model=(--data shapes --img-size 32 --embed-dim 16 --depths 1,1 --num-heads 1,2 --batch-size 400)
masked=(--task simmim "${model[@]}")

# ---- trained at once, and killed and resumed: the same bits

says "test loss" train "${masked[@]}" --epochs 2 --output whole
holds out "validation loss"
grep -q "accuracy" out && wrong "an accuracy of what has no classes: $(cat out)"
holds whole/report.html "Hidden patches"
until_saved killed train "${masked[@]}" --epochs 2 --checkpoint-every 3 --output killed
kill -INT $!
wait $!
says "test loss" train --resume killed
same_result whole killed "test loss"
says "weights" verify whole
for threads in 1 2; do
    says "test loss" train "${masked[@]}" --epochs 1 --threads $threads --norm-target --norm-target-patch-size 5 \
        --mask-patch-size 4 --mask-ratio 0.5 --precision bf16 --output "threads-$threads"
done
cmp threads-1/model.safetensors threads-2/model.safetensors || wrong "other weights by other threads"

# ---- on kernels, with the CPU's losses

says "test loss" train "${masked[@]}" --epochs 1 --output here
says "test loss" train "${masked[@]}" --epochs 1 --device emulated --output kernels
loss() { grep -o '"train_loss":[^,]*' "$1/log.jsonl" | head -n 1 | cut -d : -f 2; }
awk -v a="$(loss here)" -v b="$(loss kernels)" 'BEGIN { d = a - b; exit !(d < 1e-4 * a && -d < 1e-4 * a) }' ||
    wrong "on kernels the loss is $(loss kernels), on the CPU $(loss here)"

# ---- judged and drawn

"$program" train "${masked[@]}" --show-batch batch.png >out 2>err || wrong "--show-batch: $(cat err)"
[ -s batch.png ] || wrong "--show-batch drew nothing"

says "test loss" evaluate --checkpoint whole
says "of hidden patches" predict --checkpoint whole --output drawn "$images/colour.jpg"
[ -s drawn/colour_reconstruction.png ] || wrong "predict --output drew nothing"
says '"loss"' predict --checkpoint whole --json "$images/colour.jpg"
refuses 1 "a run of --task simmim" features --checkpoint whole --output f.safetensors "$images/colour.jpg"
refuses 1 "a run of --task simmim, which no hub's reader knows" convert whole converted
refuses 2 "--tta is for classification" evaluate --checkpoint whole --tta

# ---- begun from: a classifier, and masked images again

says "test accuracy" train "${model[@]}" --epochs 1 --init whole --output classifier
grep -q "mask_token" out || wrong "what a classifier has no use for is not named: $(cat out)"
grep -q "decoder.0.weight" out || wrong "the decoder is not named: $(cat out)"
says "test loss" train "${masked[@]}" --epochs 1 --init classifier --output again

# ---- what means nothing, or cannot be

refuses 2 "--mask-ratio 0.5 does nothing without --task simmim" train --mask-ratio 0.5
refuses 2 "--norm-target-patch-size 5 does nothing without --norm-target" train "${masked[@]}" --norm-target-patch-size 5
refuses 2 "mask-ratio must be above 0 and below 1, got 1" train "${masked[@]}" --mask-ratio 1
refuses 2 "norm-target-patch-size must be odd, 3 to 16383, got 4" train "${masked[@]}" --norm-target --norm-target-patch-size 4
refuses 2 "--mask-patch-size 6 is no multiple of patches of 4" train "${masked[@]}" --mask-patch-size 6
refuses 2 "--mask-patch-size 12 does not divide images of 32 x 32" train "${masked[@]}" --mask-patch-size 12
refuses 2 "is not of whole tokens of the last stage, of 8 pixels" train --task simmim "${model[@]:4}" --img-size 20
for flag in "mixup 0.8" "cutmix 1" "reprob 0.25"; do
    # shellcheck disable=SC2086
    refuses 2 "--${flag% *} contradicts --task simmim, which learns from whole images without labels" \
        train "${masked[@]}" --$flag
done

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
