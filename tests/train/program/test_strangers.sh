#!/usr/bin/env bash
# What comes from strangers, and what a system may refuse: names, files, signals, memory, programs that hang.
# usage: test_strangers.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

says "test accuracy" train "${small[@]}" --output whole
model=(--model nano --img-size 16)
picture=$images/colour.jpg

# ---- names reach a terminal as letters

cp -r whole escaped
first=$(grep -A1 '"classes": \[' whole/config.json | tail -1 | tr -d ' ",')
sed -i "s/\"$first\"/\"\\\\u001b]0;owned\\\\u0007\\\\n\"/" escaped/config.json
says '\x1b]0;owned\x07\n' predict --checkpoint escaped --top 10 "$picture"
grep -q $'\x1b' out && wrong "predict lets an escape sequence through"
[ "$(wc -l <out)" = 11 ] || wrong "predict: $(wc -l <out) lines, expected one and ten classes"
cp "$picture" $'a\nb.jpg'
says 'a\nb.jpg' predict --checkpoint whole $'a\nb.jpg'
[ "$(wc -l <out)" = 6 ] || wrong "predict: $(wc -l <out) lines, expected one and five classes"
refuses 1 'nowhere\n\x1b[31m.jpg' predict --checkpoint whole $'nowhere\n\e[31m.jpg'
refuses 2 'got "caf\xe9"' summary --norm $'caf\xe9'
refuses 2 'caf\xe9' train --arch $'caf\xe9'
refuses 2 '--data "folder:caf\xe9" is not UTF-8' train --data $'folder:caf\xe9'
refuses 2 '--data "folder:caf\xe9" is not UTF-8' experiment amplitude --data $'folder:caf\xe9'
refuses 1 'caf\xe9' summary --config $'caf\xe9.json'

# ---- files that are not what was wanted

: >empty
refuses 1 "empty is empty" summary --config empty
refuses 1 "empty: the file is empty" evaluate --weights empty "${model[@]}" --data shapes
echo '<!DOCTYPE html><html></html>' >page
refuses 1 "page is no safetensors file, but a web page" predict --weights page "${model[@]}" "$picture"
refuses 1 "page is a web page" summary --config page
printf '{"depths":[1,1]}\0{"depths":[9,9]}' >nul.json
refuses 1 "a NUL is byte 17" summary --config nul.json
echo '{"depths": [1], "num_heads": [3], "depths": [2]}' >twice.json
refuses 1 'has the key "depths" twice' summary --config twice.json
echo '{"batch-size": 3, "batch_size": 4}' >both.json
refuses 2 '"batch-size" and "batch_size" are one setting, given twice' train --config both.json
echo '{"architecture": "swinv2_tiny_window8_256", "num_classes": 1000, "pretrained_cfg": {}}' >hub.json
says "28,347,154" summary --config hub.json
refuses 2 "hub.json, which has its model" summary --config hub.json --model nano
refuses 2 "a hub's configuration of a model" train --config hub.json
echo '{"model_type": "bert"}' >bert.json
refuses 2 "model_type of transformers must be swin or swinv2, got \"bert\"" summary --config bert.json

# ---- a weights file with a hole of 6 GB is refused by its header

header='{"zzz":{"dtype":"F32","shape":[1610612736],"data_offsets":[0,6442450944]}}'
printf "\\x$(printf %02x ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header" >hole
truncate -s $((8 + ${#header} + 6442450944)) hole
refuses 1 "does not fit" evaluate --weights hole "${model[@]}" --data shapes
"$program" predict --weights hole "${model[@]}" "$picture" >out 2>err && wrong "predict took weights that do not fit"
holds err "does not fit"

# ---- every flag has a range

for flag in "bench --batch 0" "bench --batch 1000001" "bench --steps 1000001" "evaluate --checkpoint whole --batch-size 1000001" \
    "gradcheck softmax --eps nan" "gradcheck softmax --rtol inf" "gradcheck softmax --atol -1" "gradcheck softmax --seed -1" \
    "gradcheck softmax --directions -1" "experiment amplitude --seeds 101" "train --lr inf" "train --clip-grad nan" \
    "train --weight-decay 1e300" "predict --checkpoint whole --top 1000001 $picture"; do
    refuses 2 " must be " $flag
done
refuses 2 "--mean must be 0 to 1 of each channel, got nan" evaluate --weights whole/model.safetensors "${model[@]}" --data shapes --mean nan,0,0
refuses 2 "--std must be" evaluate --weights whole/model.safetensors "${model[@]}" --data shapes --std inf,1,1
refuses 2 "depths must be 1 to 1000, got 999999999" summary --depths 1,999999999
refuses 1 "beyond counting" summary --embed-dim 16384 --depths 1000,1000 --num-heads 1,1 --img-size 16384 --patch-size 1 --batch 1000000

# ---- nohup

nohup "$program" train "${tiny[@]}" --epochs 1000 --checkpoint-every 1 --output nohup >out 2>err &
until [ -e nohup/last.safetensors ] || ! kill -0 $! 2>/dev/null; do sleep 0.05; done
kill -HUP $!
sleep 2
kill -KILL $! 2>/dev/null || wrong "nohup: ended by SIGHUP"
wait $! 2>/dev/null

# ---- a gnuplot that hangs does not keep the program from ending

mkdir hanging
printf '#!/bin/sh\nexec sleep 100\n' >hanging/gnuplot
chmod +x hanging/gnuplot
PATH=$folder/hanging:$PATH until_saved hangs train "${tiny[@]}" --epochs 1 --output hangs
sleep 1
start=$SECONDS
kill -TERM $!
wait $!
status=$?
[ $status = 143 ] || [ $status = 0 ] || wrong "SIGTERM while gnuplot hangs: exit code $status: $(head -c 300 err)"
[ $((SECONDS - start)) -lt 25 ] || wrong "SIGTERM while gnuplot hangs: ended after $((SECONDS - start)) s"
PATH=$folder/hanging:$PATH obedient "$program" plot whole --output plots >out 2>err &
sleep 1
kill -INT $!
wait $!
status=$?
[ $status = 130 ] || wrong "Ctrl-C while plot waits for gnuplot: exit code $status"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
