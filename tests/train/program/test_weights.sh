#!/usr/bin/env bash
# Weights that come from elsewhere and go elsewhere: train --init, --freeze and --probe, features, convert, hub folders.
# usage: test_weights.sh PROGRAM
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
images=$here/../../fixtures/images hubs=$here/../../fixtures/hub
source "$here/program_test.sh"

cat >tiny.json <<'EOF'
{"data": "shapes", "model": "nano", "img-size": 16, "batch-size": 300, "epochs": 1, "warmup-epochs": 0.5,
 "model-args": {"embed_dim": 24, "depths": [1, 2]}}
EOF
tiny=(--config tiny.json) # and flags on top

# header_of FILE: what a safetensors file says of its tensors, JSON.
header_of() { tail -c +9 "$1" | head -c "$(od -An -t u8 -N 8 "$1" | tr -d ' ')"; }
# bytes_of FILE NAME: those of a tensor.
bytes_of() {
    local header begin end
    header=$(header_of "$1")
    read -r begin end < <(grep -o "\"$2\":{[^}]*}" <<<"$header" | sed 's/.*\[\([0-9]*\),\([0-9]*\)\]}.*/\1 \2/')
    [ -n "$end" ] || wrong "$1 has no $2"
    tail -c +$((9 + ${#header} + begin)) "$1" | head -c $((end - begin))
}
same_value() { cmp -s <(bytes_of "$1" "$3") <(bytes_of "$2" "$3"); }

says "test accuracy" train "${tiny[@]}" --output first

# ---- --init: what fits is taken

says "begun from first/model.safetensors: 62 of 62 tensors taken" train "${tiny[@]}" --init first --seed 1 --output second
holds err "images are normalised as --init saw them"
holds second/config.json '"init": "first"'
grep -q '"init_fingerprint": "[0-9a-f]\{16\}"' second/config.json || wrong "config.json has no fingerprint of --init"
says "begun from first/best.safetensors" train "${tiny[@]}" --init first/best.safetensors --lr 1e-30 --weight-decay 0 --output still
same_value first/best.safetensors still/best.safetensors layers.0.blocks.0.attn.proj.weight ||
    wrong "a run without a rate has other weights than it began from"
says "test accuracy" evaluate --checkpoint second
says "no symbolic link" verify second
cp first/model.safetensors stray.safetensors
says "begun from stray.safetensors" train "${tiny[@]}" --init stray.safetensors --output strayed
grep -q "normalised as --init" err && wrong "a file says nothing of normalisation"
cmp -s second/model.safetensors strayed/model.safetensors && wrong "another seed gives the same run"

# Another seed's data and drop path, but the same start: in the checkpoint that is written before the first step.
mkdir seven && for split in train test; do
    for class in a b c d e f g; do
        mkdir -p seven/$split/$class
        for i in 1 2 3 4; do cp "$images/palette.png" seven/$split/$class/$i.png; done
    done
done
says "head: 10 classes there, 7 here: begun anew" train --data folder:seven --model nano --img-size 16 --embed-dim 24 \
    --depths 1,2 --batch-size 4 --epochs 1 --validation 0 --init first --output headless
holds out "60 of 62 tensors taken"
says "of no use here: " train "${tiny[@]}" --depths 1,1 --init first --output shallow
says "resampled to the sizes here: 1 (patch_embed.proj.weight)" train "${tiny[@]}" --patch-size 2 --init first --output fine
says "begun from $hubs/timm_v2/model.safetensors" train --data shapes --img-size 16 --patch-size 2 --embed-dim 4 \
    --depths 2,1 --num-heads 1,2 --window-size 4 --batch-size 600 --epochs 1 --init "$hubs/timm_v2" --output hub
holds err "normalised as --init saw them: mean 0.5,0.25,0.375"
holds err "the position bias of windows of 4 x 2 is read on the scale of windows of 4 x 4"

# It is read once: what becomes of it later is no matter, but before the first checkpoint.
until_saved moved train "${tiny[@]}" --epochs 3 --init stray.safetensors --output moved
kill -9 $! && wait 2>/dev/null
mv stray.safetensors gone.safetensors
says "test accuracy" train --resume moved
mkdir unsaved && cp strayed/config.json unsaved
refuses 1 "stray.safetensors" train --resume unsaved
cp fine/model.safetensors stray.safetensors
refuses 1 "they have changed since" train --resume unsaved
mv gone.safetensors stray.safetensors
says "begun from stray.safetensors" train --resume unsaved
cmp unsaved/model.safetensors strayed/model.safetensors || wrong "a run resumed before its first checkpoint is another"
refuses 2 "--init \"first\" contradicts the \"stray.safetensors\" of strayed" train --resume strayed --init first

refuses 1 "nowhere: no such file or folder" train "${tiny[@]}" --init nowhere --output none
refuses 1 "nothing in it fits" train "${tiny[@]}" --init "$images/../every_dtype.safetensors" --output none
mkdir empty
refuses 1 "empty" train "${tiny[@]}" --init empty --output none
head -c 3000 first/model.safetensors >cut.safetensors
refuses 1 "cut.safetensors" train "${tiny[@]}" --init cut.safetensors --output none
[ -e none ] && wrong "a run that could not begin left a folder"

# ---- --freeze

frozen=(--freeze "patch_embed,layers.0,*.mlp.fc1.bias")
says " of them frozen)" train "${tiny[@]}" "${frozen[@]}" --init first --output frozen
for name in patch_embed.proj.weight layers.0.blocks.0.attn.qkv.weight layers.1.blocks.1.mlp.fc1.bias; do
    same_value first/model.safetensors frozen/model.safetensors $name || wrong "$name is frozen, and has changed"
done
for name in layers.1.blocks.1.mlp.fc2.weight head.fc.bias; do
    same_value first/model.safetensors frozen/model.safetensors $name && wrong "$name is not frozen, and has not changed"
done
says " of them frozen)" train "${tiny[@]}" "${frozen[@]}" --init first --batch-size 600 --device emulated --output framed
same_value first/model.safetensors framed/model.safetensors patch_embed.proj.weight || wrong "a frozen weight changed on the device"
says "test accuracy" train --resume frozen
refuses 2 "--freeze \"norm\" contradicts" train --resume frozen --freeze norm
refuses 2 "\"layer.0\" names no parameter; did you mean layers.0?" train "${tiny[@]}" --freeze layer.0 --output none
refuses 2 "names all 62 parameters: nothing is left to train" train "${tiny[@]}" --freeze "*" --output none
refuses 2 "holds an empty pattern" train "${tiny[@]}" --freeze "norm," --output none

# ---- --probe

says " of them frozen)" train "${tiny[@]}" --init first --probe --lr 0.01 --epochs 3 --output probe
same_value first/model.safetensors probe/model.safetensors norm.weight || wrong "a probe has trained more than the head"
same_value first/model.safetensors probe/model.safetensors head.fc.weight && wrong "a probe has trained nothing"
accuracy=$(grep -o "test accuracy [0-9.]*" out)
says "$accuracy" evaluate --checkpoint probe
says "no symbolic link" verify probe
says "test accuracy" train "${tiny[@]}" --init first --freeze patch_embed,layers,norm --lr 0.01 --epochs 3 --drop-path 0 \
    --flip 0 --crop-padding 0 --output unprobed
# The same but for rounding: the classifier within 1e-5.
numbers_of() { bytes_of "$1" head.fc.weight | od -An -v -t f4 -w4; }
paste <(numbers_of probe/last.safetensors) <(numbers_of unprobed/last.safetensors) |
    awk '{ d = $1 - $2; if (d > 1e-5 || d < -1e-5) bad++ } END { exit !(NR == 480 && bad == 0) }' ||
    wrong "a probe is not the run with all else frozen"
says "test accuracy" train "${tiny[@]}" --init first --probe --lr 0.01 --device emulated --output on-device
same_value first/model.safetensors on-device/model.safetensors norm.weight || wrong "a probe on the device has trained more than the head"
until_saved probed train "${tiny[@]}" --init first --probe --lr 0.01 --epochs 3 --output probed
kill -9 $! && wait 2>/dev/null
says "test accuracy" train --resume probed
cmp probe/model.safetensors probed/model.safetensors || wrong "a probe killed and resumed is another one"
refuses 2 "--probe needs --init" train "${tiny[@]}" --probe --output none
refuses 2 "--freeze head contradicts --probe" train "${tiny[@]}" --init first --probe --freeze head --output none
refuses 2 "--mixup contradicts --probe" train "${tiny[@]}" --init first --probe --mixup 0.8 --output none

# ---- features

mkdir -p photos/deep && cp "$images/colour.jpg" photos/b.jpg && cp "$images/palette.png" photos/deep/a.png && touch photos/Thumbs.db
says "features [3, 48] of 3 images in features.safetensors" features --checkpoint first --output features.safetensors \
    "$images/grey.jpg" photos
header_of features.safetensors | grep -q '"features":{"dtype":"F32","shape":\[3, 48\]' || wrong "features: $(header_of features.safetensors)"
header_of features.safetensors | grep -qF '/grey.jpg\",\"photos/b.jpg\",\"photos/deep/a.png\"]"' ||
    wrong "features: other names: $(header_of features.safetensors)"
refuses 2 "--output features.safetensors is there already" features --checkpoint first --output features.safetensors photos
says "of 2 images" features --checkpoint first --pyramid --output maps.safetensors --batch-size 1 photos
header_of maps.safetensors | grep -q '"layers.1":{"dtype":"F32","shape":\[2, 2, 2, 48\]' || wrong "features --pyramid: $(header_of maps.safetensors)"
says "of 1 images" features --weights first/model.safetensors --config first/config.json --output by-file.safetensors photos/b.jpg
says "features [1, 8] of 1 images" features --weights "$hubs/transformers_v1" --output hub.safetensors photos/b.jpg
holds err "normalised by --mean 0.5,0.25,0.375 --std 0.25,0.5,0.125"
echo "no picture" >photos/notes.txt
refuses 1 "photos/notes.txt: expected JPEG or PNG" features --checkpoint first --output none.safetensors photos
says "of 2 images, 1 file left out" features --checkpoint first --skip-broken --output left.safetensors photos
refuses 1 "no picture in empty" features --checkpoint first --output none.safetensors empty
refuses 1 "nowhere.jpg" features --checkpoint first --output none.safetensors nowhere.jpg
refuses 2 "expected at least one IMAGE" features --checkpoint first --output none.safetensors
refuses 2 "expected --output FILE" features --checkpoint first photos
refuses 2 "either --checkpoint or --weights" features --output none.safetensors photos
refuses 1 "no/none.safetensors" features --checkpoint first --output no/none.safetensors photos/b.jpg
[ -e none.safetensors ] && wrong "features that could not be computed left a file"

# ---- convert, and folders of hubs

shown=$(timeout $limit "$program" predict --checkpoint first --json photos/b.jpg | sed 's/"probability":\([0-9.]\{8\}\)[0-9]*/\1/g')
for hub in timm huggingface; do
    says "first is in $hub, as " convert first $hub --to $hub
    timeout $limit "$program" predict --weights $hub --json photos/b.jpg 2>err | sed 's/"probability":\([0-9.]\{8\}\)[0-9]*/\1/g' >out
    [ "$(cat out)" = "$shown" ] || wrong "predict of the folder for $hub: $(cat out) $(cat err), of the run: $shown"
    says "$(grep -o 'test accuracy [0-9.]*' <<<"$("$program" evaluate --checkpoint first)")" evaluate --weights $hub --data shapes
    says "is in back-$hub" convert $hub back-$hub
    cmp back-$hub/model.safetensors timm/model.safetensors || wrong "converted there and back, $hub's weights have changed"
done
holds timm/config.json '"architecture": "swinv2_tiny_window8_256"'
holds timm/config.json '"label_names": ['
holds huggingface/config.json '"model_type": "swinv2"'
holds huggingface/preprocessor_config.json '"image_mean": ['
says "is in of-file" convert first/best.safetensors of-file
says "is in of-stray" convert stray.safetensors of-stray --config first/config.json
cmp timm/model.safetensors of-stray/model.safetensors || wrong "convert: a file gives other weights than its run"
refuses 2 "stray.safetensors needs --model, or --config" convert stray.safetensors none
refuses 2 "--model nano goes with a file; first knows its model" convert first none --model nano
refuses 2 "timm is there already" convert first timm
refuses 2 "unknown --to \"tim\": did you mean timm?" convert first none --to tim
refuses 2 "expected FROM and TO" convert first
refuses 1 "nowhere: no such file or folder" convert nowhere none
refuses 1 "does not fit" convert stray.safetensors none --model tiny
says "test accuracy" train "${tiny[@]}" --norm sandwich --output other
refuses 1 "norm \"sandwich\": a Swin V2 of timm has \"res-post\" alone" convert other none
[ -e none ] && wrong "convert left a folder that it could not write"
compgen -G ".*.tmp" >/dev/null && wrong "convert left a temporary"
for hub in timm_v2 timm_v1 transformers_v2 transformers_v1; do
    says " %" predict --weights "$hubs/$hub" photos/b.jpg
    holds err "normalised by --mean 0.5,0.25,0.375 --std 0.25,0.5,0.125"
    grep -q "ape\|bee\|cat\|dog\|eel" out || wrong "predict --weights $hub does not know the classes"
done

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
