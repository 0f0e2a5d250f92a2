#!/usr/bin/env bash
# A program of one's own model (tests/examples), as its user meets it: killed and resumed to the same bits, trained on the
# emulated device with the CPU's losses, its gradient proved whole, its summary and its report made.
# usage: test_own_program.sh PROGRAM
set -uo pipefail

program=$(realpath "$1")
picture=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images" && pwd)/colour.jpg
book=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)/README.md
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
[ "$(basename "$program")" != gpt ] || cp "$book" book.txt

wrong() {
    echo "WRONG: $*"
    exit 1
}
# Runs the program, and shows what it said where it fails.
quietly() { "$program" "$@" >said 2>&1 || { cat said; wrong "$*: exit code $?"; }; }
# refused TEXT ARGUMENTS...: the program fails with one line, which contains TEXT.
refused() {
    local text=$1
    shift
    "$program" "$@" >said 2>&1 && wrong "$* is accepted"
    [ "$(wc -l <said)" = 1 ] || { cat said; wrong "$*: not one line"; }
    grep -qF -- "$text" said || { cat said; wrong "$*: no word of $text"; }
}
number() { sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" "$2"; }

# ---- the same bits after a kill

settings=(--limit 40 --batch-size 8 --epochs 2 --checkpoint-every 1)
quietly train "${settings[@]}" --output whole
cp -r whole/config.json config.json
quietly verify whole
"$program" train "${settings[@]}" --output killed >said 2>&1 &
while [ ! -e killed/last.safetensors ]; do
    kill -0 $! 2>/dev/null || break
    sleep 0.02
done
kill -9 $! 2>/dev/null
wait $! 2>/dev/null
[ ! -e killed/model.safetensors ] || echo "it was done before it was killed"
quietly train --resume killed
cmp whole/model.safetensors killed/model.safetensors || wrong "a run that was killed ends with other weights"
for run in whole killed; do
    sed -E 's/"(seconds|[a-z]+_per_s)":[^,}]*//g' $run/log.jsonl >$run.log
done
cmp whole.log killed.log || wrong "a run that was killed has another log"
cp -r whole old
sed -i "/\"identity\":/d; /\"sched\":/d; /\"model-ema\":/d; /\"clip-mode\":/d" old/config.json
sed -i 's/swingrad.checksum/no such checksum./' old/last.safetensors
quietly train --resume old
grep -q "^$(basename "$program"): old/last.safetensors has no checksum" said ||
    { cat said; wrong "it warns by another name than its own"; }
quietly train "${settings[@]}" --init whole --seed 3 --freeze "*.bias" --output begun
grep -q "begun from whole/model.safetensors" said || { cat said; wrong "it does not say what it begins from"; }
grep -q " of them frozen)" said || { cat said; wrong "it does not say what is frozen"; }
grep -q '"init_fingerprint": "' begun/config.json || wrong "config.json does not know what the run began from"
quietly verify begun
quietly train --resume begun
refused "names no parameter" train --freeze nowhere --output none
refused "--init \"killed\" contradicts the \"whole\" of begun" train --resume begun --init killed
[ ! -e none ] || wrong "a run that could not begin left a folder"
cp -r killed damaged
head -c 500 killed/last.safetensors >damaged/last.safetensors
"$program" verify damaged >said 2>&1 && wrong "it takes a checkpoint that is cut off for whole"
grep -q "mv damaged/previous.safetensors damaged/last.safetensors && $(basename "$program") train --resume damaged" said ||
    { cat said; wrong "it does not say how to go on"; }
"$(dirname "$program")/../swingrad" verify damaged >said 2>&1 && wrong "swingrad takes it for a whole run of its own"
grep -q "a run of the program \"$(basename "$program")\", which alone knows its model: use its commands" said ||
    { cat said; wrong "swingrad does not say whose run it is"; }
"$program" train --resume whole --lr 9 >said 2>&1 && wrong "a resumed run takes another learning rate"
grep -q -- "--lr 9.0 contradicts" said || { cat said; wrong "it does not say that --lr contradicts"; }
grep -q "<h2>Epochs</h2>" whole/report.html || wrong "no report"

# ---- optimised otherwise: what is saved, and what is refused

quietly train "${settings[@]}" --opt muon --model-ema --model-ema-decay 0.5 --grad-accum-steps 2 --output averaged
grep -q "weights are averaged over steps" said || { cat said; wrong "it does not say that weights are averaged"; }
quietly verify averaged
quietly evaluate --checkpoint averaged
refused "the model knows no layers" train "${settings[@]}" --layer-decay 0.5 --output none
refused "--model-ema-decay 0.5 does nothing without --model-ema" train "${settings[@]}" --model-ema-decay 0.5 --output none
[ ! -e none ] || wrong "a refused training left a folder"

# ---- a captured step, and two threads' bits. Differences of rounding grow with the steps, most where norms are over a
# few samples

bench=(bench --limit 8 --batch-size 4 --steps 2)
quietly "${bench[@]}" --threads 1 && cp said one
quietly "${bench[@]}" --threads 2 && cp said two
losses() { sed -n 's/.*"losses":\[\([^]]*\)\].*/\1/p' "$1"; }
[ "$(losses one)" = "$(losses two)" ] || wrong "the losses depend on the threads: $(losses one), $(losses two)"
quietly "${bench[@]}" --device emulated && cp said emulated
paste -d ' ' <(losses one | tr , '\n') <(losses emulated | tr , '\n') |
    awk 'function off(a, b) { return (a > b ? a - b : b - a) / (b > 0 ? b : -b) }
         { if (!($1 > 0) || off($1, $2) > (NR <= 2 ? 1e-4 : 1e-2)) exit 1 } END { exit NR == 4 ? 0 : 1 }' ||
    wrong "losses on the device: $(losses emulated), on the CPU $(losses one)"

# ---- looks at the model

quietly gradcheck --limit 2 --directions 1
grep -q ": ok, " said || { cat said; wrong "gradcheck does not say ok"; }
cat said
quietly gradcheck --limit 2 --directions 1 --batch 1 --second-order
grep -q "^by dual numbers: gradient " said || { cat said; wrong "gradcheck --second-order does not say by dual numbers"; }
cat said
quietly summary
grep -q "^parameters " said || { cat said; wrong "summary does not count parameters"; }
grep -qE "^forward +[0-9.]+ [kMGT]FLOP" said || { cat said; wrong "summary does not count FLOPs"; }
tail -2 said
quietly tape
grep -q "cross_entropy" said || wrong "tape does not show the loss"
quietly evaluate --checkpoint whole
grep -qE "^(test|validation) loss [0-9.]+, accuracy [0-9.]+ %(, top-5 [0-9.]+ %)?  " said || { cat said; wrong "evaluate"; }

quietly evaluate --checkpoint whole --json scores.json
grep -q '"loss":' scores.json && grep -q '"crc32c":' scores.json || { cat scores.json; wrong "evaluate --json"; }
if [ "$(basename "$program")" != gpt ]; then
    grep -q '"expected_calibration_error":' scores.json || { cat scores.json; wrong "evaluate --json: no scores of classes"; }
fi
refused "would be written over" evaluate --checkpoint whole --json whole/log.jsonl

# ---- more epochs than it was begun for

cp -r whole longer
quietly train --resume longer --epochs 3 --early-stop 9
grep -q "^epochs raised from 2 to 3: " said || { cat said; wrong "no word of epochs that are raised"; }
[ "$(grep -c '"epoch":' longer/log.jsonl)" = 3 ] || wrong "raised to three epochs: $(cat longer/log.jsonl)"
quietly verify longer
refused "--epochs 1 contradicts the 3" train --resume longer --epochs 1

# ---- what it computes, by name

quietly trace --checkpoint whole --output traced
for name in inputs targets output loss; do grep -qa "\"$name\"" traced || wrong "trace: no $name"; done
grep -qa '"out\.' traced || wrong "trace: no module's output"
grep -qa '"grad\.' traced || wrong "trace: no gradient"
quietly trace --weights whole/model.safetensors --limit 40 --output same
cmp traced same || wrong "trace of a run's weights is not that of the run"
quietly trace --checkpoint whole/model.safetensors --input traced --output same
cmp traced same || wrong "trace of what a trace wrote is another"
refused "either --checkpoint or --weights" trace --output t
refused "--output is required" trace --checkpoint whole
refused "would be written over" trace --checkpoint whole --output whole/config.json
refused "would be written over" trace --checkpoint whole --output whole/model.safetensors
refused "--input traced and --data contradict" trace --checkpoint whole --input traced --data x --output t
refused "unknown --precision" trace --checkpoint whole --output t --precision f16
refused "expected a tensor \"inputs\"" trace --checkpoint whole --input whole/model.safetensors --output t
[ ! -e t ] || wrong "a trace that failed left a file"

# ---- asked about a picture, or to write

if [ "$(basename "$program")" != gpt ]; then
    quietly predict --checkpoint whole "$picture" --top 3
    [ "$(wc -l <said)" = 4 ] && grep -q " %" said || { cat said; wrong "predict: not a file and three classes"; }
    quietly predict --checkpoint whole/model.safetensors "$picture" --json
    grep -q '"class":"[a-z].*"probability":' said || { cat said; wrong "predict --json"; }
    cp said here
    quietly predict --checkpoint whole "$picture" --json --device emulated
    [ "$(grep -o '"label":[0-9]*' said | head -1)" = "$(grep -o '"label":[0-9]*' here | head -1)" ] ||
        wrong "predict on the device: $(cat said), on the CPU $(cat here)"
    "$program" predict --checkpoint whole nowhere.png "$picture" >said 2>err && wrong "predict takes a file there is not"
    grep -q "^$(basename "$program") predict: .*nowhere.png" err || { cat err; wrong "predict does not name the file"; }
    [ "$(wc -l <said)" = 6 ] || { cat said; wrong "one bad file keeps the other from being predicted"; }
    refused "expected at least one IMAGE" predict --checkpoint whole
    refused "unknown command write" write
    sed 's/"rows"/"lines"/' whole/config.json >old/config.json
    refused '"pictures" or "classes"' predict --checkpoint old "$picture"
    sed 's/"rows": [0-9]*/"rows": 7/' whole/config.json >old/config.json
    refused "learnt from other samples: pictures" train --resume old
else
    write=(write --checkpoint whole)
    quietly "${write[@]}" "The tape" --length 100 && cp said first
    quietly "${write[@]}" "The tape" --length 100 --threads 1
    cmp first said || wrong "a seed does not write the same text twice"
    quietly "${write[@]}" "The tape" --length 100 --seed 1
    cmp -s first said && wrong "another seed writes the same text"
    quietly "${write[@]}" "The tape" --device emulated --length 10 --temperature 0 && cp said there
    quietly "${write[@]}" "The tape" --length 10 --temperature 0
    cmp there said || wrong "the device writes another text"
    head -c 8 first | grep -q "^The tape$" || wrong "the text does not begin as it was told to"
    LC_ALL=C grep -q $'[\x01-\x08\x0b-\x1f]' first && wrong "write lets control characters through"
    refused "expected a TEXT" "${write[@]}"
    refused "--temperature must be 0 to 100" "${write[@]}" x --temperature -1
    refused "--length must be 1 to 1000000" "${write[@]}" x --length 0
    refused "128" "${write[@]}" "é" # no ASCII, and the model knows nothing else
    refused "gpt write goes on with a text" predict --checkpoint whole "$picture"
fi

# ---- samples that are no longer the same

sed -i 's/"fingerprint": "[0-9a-f]*"/"fingerprint": "0"/' whole/config.json
"$program" train --resume whole >said 2>&1 && wrong "a run goes on with other samples without being told to"
grep -q "learnt from other samples: fingerprint" said || { cat said; wrong "no word of what differs"; }
quietly train --resume whole --accept-other-data
quietly train --resume whole

# ---- what cannot be

for wrong_use in "train --epochs 0" "train --limit -1" "train --resume nothing" "gradcheck --directions 0" \
    "gradcheck --second-order --device emulated" "frain"; do
    # shellcheck disable=SC2086  # words
    refused "" $wrong_use
done

echo "all is well"
