#!/usr/bin/env bash
# What becomes of a run whose files are damaged, gone, half-written or linked elsewhere, and of commands that nobody can
# read: one line that names it and says how to go on, and nothing lost.
# usage: test_damage.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"
smallest=(--data shapes --img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 1,1 --window-size 2
    --batch-size 400 --checkpoint-every 4)
run=("${smallest[@]}" --epochs 2)

# flip FILE PLACE: turns a bit in the byte at PLACE, from the end where it is negative.
flip() {
    local size byte place=$2
    size=$(stat -c %s "$1")
    [ "$place" -ge 0 ] || place=$((size + place))
    byte=$(od -An -tu1 -j "$place" -N 1 "$1")
    printf "\\$(printf %o $((byte ^ 64)))" | dd of="$1" bs=1 seek="$place" conv=notrunc status=none
}
# copy: a fresh copy of the whole run, as `r`.
copy() {
    rm -rf r outside
    cp -r whole r
}
# pasted: does what the line on standard error offers behind "  ", and the run ends as it should.
pasted() {
    local line
    line=$(sed -n 's/.*:  //p' err | sed 's/swingrad train/says "test accuracy" train/')
    eval "$line"
    cmp -s whole/model.safetensors r/model.safetensors || wrong "after $line the weights differ"
}

says "test accuracy" train "${run[@]}" --output whole
says "best.safetensors         weights" verify whole
holds out "log.jsonl                2 epochs, and the test"

# ---- damage to a checkpoint

state=$(grep -abo "gradient_norm_sum" whole/last.safetensors | head -1 | cut -d: -f1)
for place in -4003 $((state + 3)) $((state + 22)) 0; do # data, a name and a number of the state, the header's length
    copy && rm r/model.safetensors && flip r/last.safetensors $place
    refuses 1 "r/last.safetensors" train --resume r
    holds err "mv r/previous.safetensors r/last.safetensors && swingrad train --resume r"
    refuses 1 "r/last.safetensors" verify r
    holds err "mv r/previous.safetensors r/last.safetensors && swingrad train --resume r"
    pasted
done
copy && head -c 3000 whole/last.safetensors >r/last.safetensors
refuses 1 "the file is cut off; the checkpoint before it is whole" train --resume r
for name in model best; do
    copy && flip r/$name.safetensors -9
    [ $name = model ] || rm r/model.safetensors
    refuses 1 "r/$name.safetensors: damaged: it was written with checksum" evaluate --checkpoint r
    refuses 1 "r/$name.safetensors: damaged: it was written with checksum" verify r
done
copy && flip r/last.safetensors -9 && flip r/previous.safetensors -9
refuses 1 "there is no whole checkpoint before it; its weights are in best.safetensors, model.safetensors" train --resume r
holds err "to begin anew:  swingrad train --config r/config.json --output r-anew"

# ---- a checkpoint that is gone: never from the start by itself

copy && rm r/last.safetensors r/model.safetensors && cp r/log.jsonl log
refuses 1 "r/last.safetensors is missing, and the run is not at its start" train --resume r
cmp -s log r/log.jsonl || wrong "a run that cannot go on has changed its log"
refuses 1 "r/last.safetensors is missing" verify r
pasted
copy && rm r/last.safetensors r/previous.safetensors r/best.safetensors r/model.safetensors
refuses 1 "r/last.safetensors is missing" train --resume r # there is a log
rm r/log.jsonl
says "test accuracy" train --resume r # nothing was done yet
cmp -s whole/model.safetensors r/model.safetensors || wrong "begun again, the weights differ"
for name in best model; do
    copy && rm r/$name.safetensors
    refuses 1 "r/$name.safetensors is missing" verify r
done

# ---- settings that are not those of the checkpoint; files of before there were checksums

copy && sed -i 's/"precision": "f32"/"precision": "bf16"/' r/config.json
refuses 2 'made with precision "f32", but the run'"'"'s settings say "bf16"' train --resume r
copy && sed -i 's/swingrad.checksum/no such checksum./' r/*.safetensors && sed -i '/"identity":/d' r/config.json
says "test accuracy" train --resume r
[ "$(grep -c "last.safetensors has no checksum" err)" = 1 ] || wrong "a checkpoint without a checksum: $(cat err)"
sed -i 's/swingrad.checksum/no such checksum./' r/model.safetensors
says "test accuracy" evaluate --checkpoint r
[ "$(grep -c "model.safetensors has no checksum" err)" = 1 ] || wrong "weights without a checksum: $(cat err)"

# ---- lines of the log

copy && sed -i '1s/"epoch"/"epoci"/' r/log.jsonl
refuses 1 "r/log.jsonl: line 1 is no line of a log" verify r
says "test accuracy" train --resume r
holds err "r/log.jsonl: line 1 is no line of a log"
holds err "r/log.jsonl: no line of epoch 1, which is done"
holds r/log.jsonl '"epoci":1'
if command -v gnuplot >/dev/null; then
    says "loss.svg" plot r --output plots
    holds err "r/log.jsonl: line 1 is no line of a log"
fi

for accuracy in null '"high"' '[[1]]'; do
    copy && sed -i "s/\"validation_accuracy\":[0-9.e+-]*/\"validation_accuracy\":$accuracy/" r/log.jsonl
    refuses 1 "has validation_accuracy $accuracy, the last checkpoint" verify r
    holds out "model.safetensors        weights"
done

# ---- names reach a terminal as letters

copy && cp r/best.safetensors $'r/epoch-\e[31m\xe2\x80\xae\xe2\x80\xa8\xc2\x9b.safetensors'
says 'epoch-\x1b[31m\u202e\u2028\u009b.safetensors weights' verify r
flip $'r/epoch-\e[31m\xe2\x80\xae\xe2\x80\xa8\xc2\x9b.safetensors' -9
refuses 1 'r/epoch-\x1b[31m\u202e\u2028\u009b.safetensors: damaged' verify r
holds out 'r/epoch-\x1b[31m\u202e\u2028\u009b.safetensors: damaged'
grep -q $'\x1b\|\xe2\x80\xae' out && wrong "verify lets an escape sequence through"

# ---- what killed processes leave

mkdir begun && touch begun/.lock begun/.config.json.123-1.tmp
says "test accuracy" train "${run[@]}" --output begun
[ -z "$(find begun -name '.*.tmp')" ] || wrong "a start leaves temporaries of another"
copy && touch r/figures/.loss.svg.99-1.tmp r/.log.csv.99-1.tmp
says "test accuracy" train --resume r
[ -z "$(find r -name '.*.tmp')" ] || wrong "temporaries stay: $(find r -name '.*.tmp' | tr '\n' ' ')"
mkdir e && touch e/.cells.json.99-1.tmp
says "page in" experiment amplitude --quick --output e
[ -z "$(find e -name '.*.tmp')" ] || wrong "an experiment leaves temporaries of another"

# ---- symbolic links

for name in report.html log.jsonl log.csv .lock last.safetensors environment.json figures figures/loss.svg; do
    copy && rm -rf "r/$name" && mkdir outside && echo kept >outside/file
    if [ $name = figures ]; then ln -s ../outside r/figures; else ln -s "$folder/outside/file" "r/$name"; fi
    refuses 1 "r/$name is a symbolic link" train --resume r
    [ "$(cat outside/*)" = kept ] || wrong "r/$name, a link, is written through"
done
copy && ln -s r alias
says "test accuracy" train --resume alias
rm alias
rm -rf outside && mkdir outside && ln -s ../outside e/figures/more
refuses 1 "e/figures/more is a symbolic link" experiment amplitude --quick --output e

# ---- nobody can read what is said

full() { # ARGUMENTS...
    timeout $limit "$program" "$@" >/dev/full 2>err
    [ $? = 1 ] || wrong "swingrad $*, to a full disk: not exit code 1"
    [ "$(wc -l <err)" = 1 ] || wrong "swingrad $*, to a full disk: $(cat err)"
    holds err "cannot write to standard output: No space left on device"
}
for command in --help --version "train --help" "summary --json" "summary --model tiny" "gradcheck layer_norm" \
    "bench --steps 1 --batch 1 --json" "tape --depths 1,1" "evaluate --checkpoint whole" "verify whole" \
    "experiment list" "experiment amplitude --quick --output e2"; do
    # shellcheck disable=SC2086 # words
    full $command
done
full train "${run[@]}" --output full
says "test accuracy" train --resume full
cmp -s whole/model.safetensors full/model.safetensors || wrong "gone on with after a full disk, the weights differ"
"$program" summary >&- 2>err && wrong "a closed standard output is taken for written"
holds err "cannot write to standard output: Bad file descriptor"
"$program" train "${run[@]}" --output closed >&- 2>&- <&-
grep -qa "images to train on" closed/* 2>/dev/null && wrong "the program's words are in a file of the run"
# Where standard error is closed, only what would be said there is lost.
weights=(--weights whole/model.safetensors --model nano "${smallest[@]:2:12}")
"$program" predict "${weights[@]}" "$images/colour.jpg" >out 2>&- || wrong "predict needs a standard error"
[ "$(grep -c " %" out)" = 5 ] || wrong "predict without standard error: $(cat out)"
"$program" predict "${weights[@]}" empty "$images/colour.jpg" >out 2>&-
[ "$(grep -c " %" out)" = 5 ] || wrong "predict, of a broken picture without standard error: $(cat out)"
# Two lines come before the training: until then there is nothing to save, and the signal ends the program as usual.
"$program" train "${smallest[@]}" --epochs 50 --output gone 2>err | head -3 >/dev/null
status=${PIPESTATUS[0]}
[ "$status" = 141 ] || wrong "its reader gone, a training ends with exit code $status, expected 141"
holds err "to go on:  swingrad train --resume gone"
[ "$(wc -l <err)" = 1 ] || wrong "its reader gone, a training says $(cat err)"
says "no symbolic link" verify gone

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
