#!/usr/bin/env bash
# Drives every command of the built program with good and bad input: what it prints, how it ends, what it leaves behind.
# usage: test_commands.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

# ---- help: every command, in order, with examples

says "train " --help  # CLI11 writes the heading above it in small letters or, since version 2.5, in capitals
order=$(sed -n '/^subcommands:/I,/^$/p' out | awk '/^  [a-z]/ {printf "%s ", $1}')
[ "$order" = "train evaluate predict explain features convert verify summary tape gradcheck bench kernels plan trace plot compare experiment " ] || wrong "commands in the order: $order"
for command in $order; do
    says "Example" "$command" --help
    awk 'length > 140 {exit 1}' out || wrong "swingrad $command --help has a line of more than 140 columns"
done
for command in train evaluate predict features summary tape bench plan; do
    says "--embed-dim N" "$command" --help
    # The flags of the architecture come last.
    [ "$(grep -n '^Architecture' out | cut -d: -f1)" -gt "$(grep -n -- '--threads\|--stages' out | head -1 | cut -d: -f1)" ] ||
        wrong "swingrad $command --help: the architecture is not last"
done

# ---- what is misspelt names the nearest

refuses 2 "unknown command evalute: did you mean evaluate?" evalute
refuses 2 "unknown flag --epocs: did you mean --epochs?" train --epocs 3
refuses 2 "unknown flag --epocs: did you mean --epochs?" train --epocs=3
refuses 2 "unknown flag --embeddim: did you mean --embed-dim?" summary --embeddim 3
refuses 2 "unknown flag --velocity; swingrad train --help lists those there are" train --velocity 3
refuses 2 "unknown argument nano; swingrad train --help lists what it takes" train nano
refuses 2 "unknown model 'tniy'; did you mean tiny?" summary --model tniy
refuses 2 "unknown --model \"naon\": did you mean nano?" train --model naon
refuses 2 "unknown --opt \"sdg\": did you mean sgd?" train --opt sdg
refuses 2 "unknown operation layernorm: did you mean layer_norm?" gradcheck layernorm
refuses 2 "unknown operation permut: did you mean permute?" gradcheck permut
refuses 2 "--norm must be one of res-post, pre, post, sandwich, got \"per\"; did you mean pre?" summary --norm per
echo '{"epocs": 2}' >misspelt.json
refuses 2 "unknown key \"epocs\"; did you mean epochs?" train --config misspelt.json

# ---- summary

says "layers.0.blocks.1.attn" summary
says "28,347,154 (28347154)" summary --model tiny --batch 4
holds out "47.4 GFLOP"
says "3,001,940,680" summary --model giant --stages
grep -q "blocks.0.attn" out && wrong "summary --stages lists layers"
says '"flops":' summary --model nano --json
says "nano --embed-dim 96 --num-heads 6,12" summary --embed-dim 96 --num-heads 6,12
holds out "images 32 x 32 x 3"
says "layers.0.blocks.0.norm1" summary --arch swin --extra-norm-every 2
awk 'length > 100 {exit 1}' out || wrong "summary is wider than 100 columns"
refuses 2 "--batch must be 1 to 1000000, got 0" summary --batch 0
refuses 2 "--embed-dim 50: 50 channels of stage 0 do not divide into 3 heads" summary --embed-dim 50
refuses 2 "--window-size expects sizes such as 8 or 8x4, got \"8y4\"" summary --window-size 8y4,4
refuses 1 "nowhere.json" summary --config nowhere.json
echo '{"embed_dim": 96, "num_heads": [6, 12]}' >model.json
says "nano --config model.json" summary --config model.json
echo '{"embed_dims": 96}' >wrong.json
refuses 2 "wrong.json: [config] unknown key \"embed_dims\"; did you mean embed_dim?" summary --config wrong.json

# ---- tape

says "multi_head_attention" tape --model nano --batch 2
holds out "layers.1.blocks.3"
holds out "operations save"
says "patch_embedding" tape --depths 1,1 --dot tape.dot
holds tape.dot "digraph tape {"
refuses 1 "nowhere/tape.dot" tape --dot nowhere/tape.dot
refuses 2 "--batch must be 1 to 1000000, got 0" tape --batch 0
program_path=$folder
refuses 1 "--svg tape.svg needs the program dot: install graphviz" tape --svg tape.svg
program_path=$PATH
[ -e tape.svg ] && wrong "tape --svg without dot left a file"
if command -v dot >/dev/null; then
    says "operations save" tape --svg tape.svg
    holds tape.svg "</svg>"
fi

# ---- gradcheck, bench

says "1 of 1 cases ok" gradcheck softmax
says "2 of 2 cases ok" gradcheck softmax layer_norm softmax --sort slowest
says '"failed":0' gradcheck softmax --json
grep -q '"dual"' out && wrong "gradcheck speaks of dual numbers without being asked"
says "symmetry" gradcheck softmax --second-order --directions 1
says '"dual":{"asymmetry":' gradcheck softmax --second-order --directions 1 --json
says "1 of 1 cases ok" gradcheck softmax --second-order --device emulated --directions 1
[ -s err ] && wrong "gradcheck says something on standard error, which is no terminal: $(head -c 300 err)"
refuses 2 "unknown --sort \"slow\": did you mean slowest?" gradcheck --sort slow
says "nano --depths 1,1" bench --depths 1,1 --batch 2 --steps 1
says "times OpenBLAS'" bench --depths 1,1 --batch 2 --steps 1 --gemm openblas
says '"gemm":"openblas"' bench --depths 1,1 --batch 2 --steps 1 --gemm openblas --json
refuses 2 "got --precision bf16, --device cpu" bench --gemm openblas --precision bf16
refuses 2 "--gemm must be own or openblas, got 'mkl'" bench --gemm mkl
SWINGRAD_ISA=avx1 refuses 1 "SWINGRAD_ISA must be one of plain, avx2" summary
says '"model":"nano --mlp-ratio 2"' bench --mlp-ratio 2 --batch 2 --steps 1 --json
says "so at most" bench --depths 1,1 --batch 2 --steps 1
says '"name":"mlp"' bench --depths 1,1 --batch 2 --steps 1 --json
says "inference, batch 2" bench --depths 1,1 --batch 2 --steps 1 --inference
says '"inference":true' bench --depths 1,1 --batch 2 --steps 1 --inference --device emulated --json
refuses 2 "unknown --precision \"f33\": did you mean f32?" bench --precision f33

# ---- plan

says "3,001,940,680 parameters" plan --model giant --ranks 64 --gpu h200 --batch 1024 --precision bf16 --zero 1
for text in "(predicted, not measured)" "Memory of a rank" "Time of a step" "moments" "with ZeRO 0 a rank would take"; do holds out "$text"; done
grep -q "^512 " out || wrong "plan ends before 512 ranks"
awk 'length > 120 {exit 1}' out || wrong "plan is wider than 120 columns"
says '"says":"predicted, not measured"' plan --gpu a100 --batch 64 --json --checkpoint-blocks true --sequential-attention true
says "Measured here" plan --batch 8 --depths 1,1 --threads 1
says "At --rate 0.100 TFLOP/s" plan --batch 8 --depths 1,1 --threads 1 --rate 0.1
says "It fits" plan --gpu h100 --batch 64 --output plan.html
holds plan.html "predicted, not measured"
refuses 2 'unknown --gpu "h20": did you mean h200?' plan --gpu h20
refuses 2 "--ranks must be 1 to 65536, got 0" plan --gpu h200 --ranks 0
refuses 2 "--batch must be 1 to 1000000, got 0" plan --gpu h200 --batch 0
refuses 2 "--batch must be 1 to 1000000, got -5" plan --gpu h200 --batch -5
refuses 2 "--batch 8 is smaller than --ranks 16: each needs an image" plan --gpu h200 --batch 8 --ranks 16
refuses 2 "--micro-batches must be a divisor of --batch 8, or 0, got 3" plan --gpu h200 --batch 8 --micro-batches 3
refuses 2 "--micro-batches 2 leave some of --ranks 4 without work" plan --gpu h200 --batch 8 --ranks 4 --micro-batches 2
refuses 2 "--zero must be 0 or 1, got 2" plan --gpu h200 --zero 2
refuses 2 "--rate must be above 0 and at most 1000000, got 0" plan --gpu h200 --rate 0
refuses 2 "--precision must be f32 or bf16 for a plan, got f64" plan --gpu h200 --precision f64
refuses 2 "--output plan.txt: a page's name ends in .html, a figure's in .svg" plan --gpu h200 --output plan.txt

# ---- a run with an architecture of its own

own=(--embed-dim 24 --depths 1,2 --window-size 4,2)
small=(--data shapes --img-size 16 --batch-size 600 --epochs 1 --warmup-epochs 0.5)
says "test accuracy" train "${small[@]}" "${own[@]}" --output own
holds own/config.json '"embed_dim": 24'
holds own/config.json '"model-args": {'
says "test accuracy" train --resume own --embed-dim 24 --window-size 4,2
refuses 2 "--embed-dim 48 contradicts the 24 of own; a resumed run keeps its settings" train --resume own --embed-dim 48
refuses 2 "--depths 1,2,3: " train --resume own --depths 1,2,3
refuses 2 "--arch swin contradicts the switches of own" train --resume own --arch swin
says "images 16 x 16" summary --config own/config.json
says "test accuracy" train --config own/config.json --output again
cmp own/model.safetensors again/model.safetensors || wrong "a run's config.json does not give the same run again"
echo '{"img-size": 16, "batch-size": 600, "epochs": 1, "model-args": {"embed-dim": 24, "depths": [1, 2]}}' >recipe.json
says "test accuracy" train --config recipe.json --window-size 4,2 --warmup-epochs 0.5 --output merged
cmp own/model.safetensors merged/model.safetensors || wrong "model-args and flags together are not the same run"
echo '{"model-args": {"img_size": 64}}' >sized.json
refuses 2 "model-args: img_size 64 comes from --img-size" train --config sized.json
echo '{"model-args": 3}' >number.json
refuses 2 "\"model-args\" must be an object, got 3" train --config number.json
refuses 2 "--num-heads must have one entry for each of 2 stages, has 1" train --num-heads 3
refuses 2 "--mlp-ratio must be in (0, 1024], got 0" train --mlp-ratio 0
accuracy=$(timeout 120 "$program" evaluate --checkpoint own | grep -o "test accuracy [0-9.]*")
says "$accuracy" evaluate --weights own/model.safetensors --model nano --img-size 16 "${own[@]}" --data shapes
says "$accuracy" evaluate --weights own/model.safetensors --config own/config.json --data shapes
refuses 1 "does not fit" evaluate --weights own/model.safetensors --model nano --img-size 16 --data shapes
says "resampled patch_embed.proj.weight" evaluate --weights own/model.safetensors --config own/config.json --img-size 32 --patch-size 8 --resample --data shapes
refuses 1 "does not fit" evaluate --weights own/model.safetensors --config own/config.json --img-size 32 --patch-size 8 --data shapes
refuses 2 "--resample goes with --weights" evaluate --checkpoint own --resample
refuses 2 "--embed-dim 24 goes with --weights" evaluate --checkpoint own --embed-dim 24
refuses 2 "--weights own/model.safetensors needs --model, or --config" evaluate --weights own/model.safetensors --data shapes

# ---- predict

picture=$images/colour.jpg
says " %" predict --checkpoint own "$picture"
[ "$(wc -l <out)" = 6 ] || wrong "predict: expected the file and five classes, got $(wc -l <out) lines"
says '"probability":' predict --checkpoint own --json --top 3 "$picture" "$picture"
[ "$(wc -l <out)" = 2 ] || wrong "predict --json: expected a line an image"
[ "$(head -1 out | grep -o '"class"' | wc -l)" = 3 ] || wrong "predict --top 3: expected three classes"
says '"class":"class' predict --weights own/model.safetensors --config own/config.json --json "$picture"
printf '%s\n' one two three four five six seven eight nine ten >names.txt
says '"class":"' predict --weights own/model.safetensors --config own/config.json --classes names.txt --json "$picture"
grep -q '"class":"class' out && wrong "predict --classes: names not taken"
{ printf '\xef\xbb\xbf' && printf '%s\r\n' one two three four five six seven eight nine ten; } >edited.txt
cp out before
says '"class":"' predict --weights own/model.safetensors --config own/config.json --classes edited.txt --json "$picture"
cmp out before || wrong "predict --classes: a byte order mark and carriage returns belong to the names"
weights=(predict --weights own/model.safetensors --config own/config.json "$picture")
refuses 2 "--mean must be 0 to 1 of each channel, got nan" "${weights[@]}" --mean nan,0,0
refuses 2 "--std must be 0.001 to 1 of each channel, got inf" "${weights[@]}" --std 1,inf,1
refuses 2 "did you mean 0.485,0.456,0.406?" "${weights[@]}" --mean 123.675,116.28,103.53
refuses 2 "--ignore-exif goes with --weights" predict --checkpoint own --ignore-exif "$picture"
echo "no picture" >broken.png
refuses 1 "broken.png: expected JPEG or PNG, got neither" predict --checkpoint own broken.png "$picture"
[ "$(wc -l <out)" = 6 ] || wrong "predict: one bad file kept the other from being predicted"
refuses 1 "nowhere.jpg" predict --checkpoint own nowhere.jpg
refuses 2 "expected at least one IMAGE" predict --checkpoint own
refuses 2 "either --checkpoint or --weights" predict "$picture"
refuses 2 "--top must be 1 to 1000000, got 0" predict --checkpoint own --top 0 "$picture"
refuses 2 "--classes names.txt goes with --weights" predict --checkpoint own --classes names.txt "$picture"
echo "alone" >alone.txt
timeout 120 "$program" predict --weights own/model.safetensors --config own/config.json --classes alone.txt "$picture" >out 2>err &&
    wrong "predict took one name for ten classes"
holds err "--classes alone.txt names 1 classes, own/model.safetensors has 10"

# ---- folders of pictures

for class in train/cat train/dog val/cat val/dog; do
    mkdir -p pictures/$class
    for i in 1 2 3; do cp "$images/interlaced.png" pictures/$class/$i.png; done
done
echo "no picture" >pictures/train/cat/notes.txt
touch pictures/train/Thumbs.db pictures/val/dog/.DS_Store
pictures=(--data folder:pictures --img-size 5 --patch-size 5 --window-size 1 --depths 1 --num-heads 1 --embed-dim 8 --batch-size 2 --epochs 1)
refuses 1 "notes.txt: expected JPEG or PNG, got neither" train "${pictures[@]}" --output none
says "6 images to train on, 6 to validate on" train "${pictures[@]}" --skip-broken --output pictured
holds out ", no test images, 1 file left out"
holds err "swingrad: left out: [image] pictures/train/cat/notes.txt: expected JPEG or PNG, got neither"
name=$'n\xe2\x80\xae\xe2\x80\xa8\xc2\x9b\e[31m.txt'
mv pictures/train/cat/notes.txt "pictures/train/cat/$name"
says "1 file left out" train "${pictures[@]}" --skip-broken --output renamed
holds err 'swingrad: left out: [image] pictures/train/cat/n\u202e\u2028\u009b\x1b[31m.txt: expected JPEG or PNG'
"$program" train "${pictures[@]}" --skip-broken --output unheard >out 2>&- || wrong "--skip-broken needs a standard error"
mv "pictures/train/cat/$name" pictures/train/cat/notes.txt
grep -qi "test accuracy" out pictured/report.html && wrong "images of val are called a test"
rm -r pictures/train
says "validation accuracy" evaluate --checkpoint pictured
mv pictures/val/cat pictures/val/ape
refuses 1 "class ape is none of the model's" evaluate --checkpoint pictured
refuses 2 "--accept-other-data goes with --resume" train --accept-other-data

# Of any size: trained on, kept or not, judged, drawn; settings that cannot be.
for split in train val; do
    for name in cmyk.jpg colour.jpg grey.jpg progressive.jpg; do
        mkdir -p photos/$split/a photos/$split/b
        cp "$images/$name" photos/$split/a && cp "$images/palette.png" photos/$split/b/$name.png
    done
done
photos=(--data folder:photos --img-size 8 --patch-size 2 --window-size 2 --depths 1 --num-heads 1 --embed-dim 8 --batch-size 4 --epochs 2)
says "decoded once and kept (cache: ram), seen at 8 x 8" train "${photos[@]}" --cache ram --workers 1 --output kept
says "decoded in every epoch (cache: none)" train "${photos[@]}" --cache none --output anew
cmp kept/model.safetensors anew/model.safetensors || wrong "pictures kept and pictures decoded anew give different weights"
holds kept/config.json '"train-crop-mode": "rrc"'
says "validation accuracy" evaluate --checkpoint kept
says "validation accuracy" evaluate --weights kept/model.safetensors --config kept/config.json --data folder:photos --crop-pct 0.9 --crop-mode border
refuses 2 "--crop-pct goes with --weights" evaluate --checkpoint kept --crop-pct 0.9
refuses 2 "--crop-pct must be 0.01 to 1, got 2" evaluate --weights kept/model.safetensors --config kept/config.json --data folder:photos --crop-pct 2
refuses 2 "--mixup 0.5 contradicts the 0.0 of kept" train --resume kept --mixup 0.5
strong=(--aa rand-m9-mstd0.5-inc1 --mixup 0.8 --cutmix 1 --mixup-mode pair --reprob 0.5 --aug-repeats 2 --scale 0.3 0.9)
says "batch.png" train "${photos[@]}" "${strong[@]}" --show-batch batch.png --output drawn
[ -s batch.png ] && [ ! -e drawn ] || wrong "--show-batch drew nothing, or began a run"
says "test accuracy" train "${small[@]}" "${strong[@]}" --output mixed
grep -q train_accuracy mixed/log.jsonl && wrong "an accuracy on mixed images"
refuses 2 "--show-batch batch.png is there already" train "${photos[@]}" --show-batch batch.png
refuses 2 "--show-batch b.png draws what a new run would see" train --resume kept --show-batch b.png
refuses 2 "--mixup-mode pair contradicts the odd --batch-size 5" train --batch-size 5 --mixup 1 --mixup-mode pair
refuses 2 "--aa: unknown policy \"rand-m9-x\"" train --aa rand-m9-x
refuses 2 "--scale expects two numbers, as 0.5,1, got \"0.3\"" train --scale 0.3
refuses 2 "--scale must be two rising shares in (0, 1], got 0.9,0.3" train --scale 0.9,0.3
refuses 2 "unknown --remode \"noise\"" train --remode noise
refuses 2 "--workers must be 1 to 1024, got 0" train --workers 0
optimised=(--opt muon --model-ema --model-ema-decay 0.9 --model-ema-warmup --clip-mode agc --clip-grad 0.05 --layer-decay 0.9
    --grad-accum-steps 2 --sched onecycle --warmup-lr 1e-5)
says "weights are averaged over steps" train "${small[@]}" "${optimised[@]}" --output optimised
accuracy=$(grep -o "test accuracy [0-9.]* %" out)
says "$accuracy" evaluate --checkpoint optimised
says "best.safetensors         weights" verify optimised
says "test accuracy" train "${small[@]}" --validation 0 --model-ema --model-ema-decay 0.9 --output averaged
holds err "the averaged weights reach back over 10 steps of the run's 13"
loss=$(grep -o "(loss [0-9.]*," out | tail -1)
says "$loss" evaluate --checkpoint averaged
says "test accuracy" evaluate --weights averaged/last.safetensors --config averaged/config.json --data shapes
grep -qF "$loss" out && wrong "last.safetensors holds the averaged weights in the place of the trained ones"
refuses 2 "--model-ema-decay must be in [0, 1), got 1.5" train --model-ema --model-ema-decay 1.5
refuses 2 "--model-ema-decay 0.5 does nothing without --model-ema" train --model-ema-decay 0.5
refuses 2 "--clip-mode \"agc\" does nothing without --clip-grad" train --clip-mode agc
refuses 2 "--mixup-prob 0.5 does nothing without --mixup or --cutmix" train --mixup-prob 0.5
refuses 2 "--momentum 0.8 does nothing without --opt sgd or muon" train --momentum 0.8
refuses 2 "--layer-decay must be in (0, 1], got 0" train --layer-decay 0
refuses 2 "--model-ema-decay 0.5 contradicts the 0.9 of optimised" train --resume optimised --model-ema-decay 0.5
[ -e runs ] && wrong "a refused training left a folder"
head -c 200 "$images/colour.jpg" >photos/train/b/cut.jpg
refuses 1 "photos/train/b/cut.jpg: " train "${photos[@]}" --cache none --output none
says "1 file left out" train "${photos[@]}" --cache none --skip-broken --output skipped
refuses 1 "input.safetensors" trace --checkpoint pictured --input input.safetensors --output t.safetensors

# ---- plot

if command -v gnuplot >/dev/null; then
    says "compared.svg" plot own again --metric validation_accuracy --output compared.svg
    holds compared.svg "</svg>"
    holds compared.svg "again"
    says "curves/loss.svg" plot own --output curves
    [ -s curves/accuracy.svg ] || wrong "plot: no curves/accuracy.svg"
    says "train_loss.svg" plot own/ --metric train_loss --log
fi
refuses 2 "unknown --metric \"validation_acuracy\" of own: did you mean validation_accuracy?" plot own --metric validation_acuracy
refuses 2 "expected at least one RUN" plot
refuses 2 "--output x.svg names one figure" plot own --output x.svg
refuses 1 "[plot] nowhere: no such folder" plot nowhere
mkdir empty
refuses 1 "[plot] empty is not a run" plot own empty
program_path=$folder
refuses 1 "gnuplot" plot own --output none
program_path=$PATH
[ -e none ] && wrong "plot without gnuplot left files"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
