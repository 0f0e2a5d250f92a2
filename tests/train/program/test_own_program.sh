#!/usr/bin/env bash
# A program of one's own model (tests/examples), as its user meets it: killed and resumed to the same bits, trained on the
# emulated device with the CPU's losses, its gradient proved whole, its summary and its report made.
# usage: test_own_program.sh PROGRAM
set -uo pipefail

program=$(realpath "$1")
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
sed -i "/\"identity\":/d" old/config.json
sed -i 's/swingrad.checksum/no such checksum./' old/last.safetensors
quietly train --resume old
grep -q "^$(basename "$program"): old/last.safetensors has no checksum" said ||
    { cat said; wrong "it warns by another name than its own"; }
cp -r killed damaged
head -c 500 killed/last.safetensors >damaged/last.safetensors
"$program" verify damaged >said 2>&1 && wrong "it takes a checkpoint that is cut off for whole"
grep -q "mv damaged/previous.safetensors damaged/last.safetensors && $(basename "$program") train --resume damaged" said ||
    { cat said; wrong "it does not say how to go on"; }
"$program" train --resume whole --lr 9 >said 2>&1 && wrong "a resumed run takes another learning rate"
grep -q -- "--lr 9.0 contradicts" said || { cat said; wrong "it does not say that --lr contradicts"; }
grep -q "<h2>Epochs</h2>" whole/report.html || wrong "no report"

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
grep -qE "^(test|validation) loss [0-9.]+, accuracy [0-9.]+ %  " said || { cat said; wrong "evaluate"; }

# ---- samples that are no longer the same

sed -i 's/"fingerprint": "[0-9a-f]*"/"fingerprint": "0"/' whole/config.json
"$program" train --resume whole >said 2>&1 && wrong "a run goes on with other samples without being told to"
grep -q "learnt from other samples: fingerprint" said || { cat said; wrong "no word of what differs"; }
quietly train --resume whole --accept-other-data
quietly train --resume whole

# ---- what cannot be

for refused in "train --epochs 0" "train --limit -1" "train --resume nothing" "gradcheck --directions 0" \
    "gradcheck --second-order --device emulated" "frain"; do
    # shellcheck disable=SC2086  # words
    "$program" $refused >said 2>&1 && wrong "$refused is accepted"
    [ "$(wc -l <said)" = 1 ] || { cat said; wrong "$refused: not one line"; }
done

echo "all is well"
