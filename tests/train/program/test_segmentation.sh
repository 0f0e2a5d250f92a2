#!/usr/bin/env bash
# Segmentation by the built program: trained, killed and resumed, verified, evaluated, predicted; and what is refused.
# usage: test_segmentation.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

pixels=(--task segmentation --data shapes --img-size 16 --batch-size 400 --embed-dim 16 --depths 1,1 --num-heads 1,2)

# ---- trained at once, and killed and resumed: the same bits

says "test mean IoU" train "${pixels[@]}" --epochs 2 --output whole
holds out "validation loss"
holds whole/log.jsonl '"validation_mean_iou"'
holds whole/log.jsonl '"test_mean_iou"'
holds whole/report.html "Classes of pixels"
holds whole/report.html "Best validation mean IoU"
holds whole/report.html "training loss, smoothed targets"
until_saved killed train "${pixels[@]}" --epochs 2 --checkpoint-every 3 --output killed
kill -INT $!
wait $!
says "test mean IoU" train --resume killed
same_result whole killed "mean IoU"
says "weights" verify whole

# ---- judged and predicted

says "IoU by class" evaluate --checkpoint whole
holds out "background"
says "" evaluate --checkpoint whole --json judged.json
for name in mean_iou pixel_accuracy iou; do holds judged.json "\"$name\""; done
says "of the pixels" predict --checkpoint whole --output drawn "$images/colour.jpg"
for name in colour_mask colour_overlay; do [ -s "drawn/$name.png" ] || wrong "predict --output drew no $name.png"; done
says '"share"' predict --checkpoint whole --json --top 1 "$images/colour.jpg"

# ---- from a classifier's weights

says "test accuracy" train "${tiny[@]}" --epochs 1 --embed-dim 16 --depths 1,1 --num-heads 1,2 --output classifier
says "test mean IoU" train "${pixels[@]}" --epochs 1 --init classifier --freeze patch_embed --head uper --head-width 8 \
    --output begun
refuses 2 "--output drawn is for pictures, and classification draws none" predict --checkpoint classifier \
    --output drawn "$images/colour.jpg"

# ---- what means nothing for a task

refuses 2 "does nothing without --task segmentation" train --head uper
refuses 2 "--head-width 32 does nothing without --task segmentation" train --head-width 32
refuses 2 "unknown --task \"segmentations\": did you mean segmentation?" train --task segmentations
refuses 2 "unknown --head \"upper\": did you mean uper?" train --task segmentation --head upper
refuses 2 "--head-width must be 1 to" train --task segmentation --head-width 0
for flag in "mixup 0.8" "cutmix 1" "aa rand-m9" "reprob 0.25"; do
    # shellcheck disable=SC2086
    refuses 2 "--${flag% *} contradicts --task segmentation, whose masks follow crops and flips alone" \
        train --task segmentation --$flag
done
mkdir -p masks/train/images masks/train/masks
refuses 1 "no pairs of an image and a mask" train --task segmentation --data folder:masks
refuses 1 "a run of --task segmentation" features --checkpoint whole --output f.safetensors "$images/colour.jpg"
refuses 1 "a run of --task segmentation, which no hub's reader knows" convert whole converted

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
