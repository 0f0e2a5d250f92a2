#!/usr/bin/env bash
# Drives `swingrad experiment`: each experiment in its quick version, once more, killed, and with input that cannot be.
# usage: test_experiments.sh PROGRAM
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

# ---- what is refused, with nothing left behind

refuses 2 "expected the NAME of an experiment, or list" experiment
refuses 2 "unknown experiment \"memry\": did you mean memory?" experiment memry
refuses 2 "unknown flag --seed: did you mean --seeds?" experiment memory --seed 3
refuses 2 "--seeds must be 1 to 100, got 0" experiment amplitude --seeds 0
refuses 2 "--seeds must be 1 to 100, got 101" experiment amplitude --seeds 101
refuses 2 "--seeds 2 is not for memory" experiment memory --seeds 2
refuses 2 "--data folder:x is not for memory" experiment memory --data folder:x
refuses 2 "--data folder:x contradicts --quick" experiment ablation --quick --data folder:x
refuses 2 "nowhere" experiment ablation --data nowhere
refuses 1 "nowhere" experiment ablation --data folder:nowhere
refuses 2 "unknown --device \"emulate\": did you mean emulated?" experiment memory --device emulate
echo "a file" >file
refuses 1 "file" experiment memory --quick --output file
[ -e runs ] && wrong "a refused experiment left a folder"
mkdir damaged && echo '{}' >damaged/cells.json
refuses 1 "damaged/cells.json: expected a list of results, got object" experiment memory --quick --output damaged

mkdir trained && echo '{}' >trained/config.json
refuses 1 "trained is the folder of a run: choose another --output" experiment memory --quick --output trained

# ---- the list names them all, and each does what it says

says "amplitude" experiment list
names=$(awk '{print $1}' out)
for name in $names; do
    grep -q "^$name .*; about [0-9]* minutes$" out || wrong "experiment list: $name has no time"
done
for name in $names; do
    says "page in runs/experiments/$name/report.html" experiment "$name" --quick
    holds out "paper"
    holds "runs/experiments/$name/report.html" "<h2>What the paper says</h2>"
    [ "$(grep -c 'src="http\|<script' "runs/experiments/$name/report.html")" = 0 ] || wrong "$name: its page needs the network"
    if command -v gnuplot >/dev/null; then
        [ "$(find "runs/experiments/$name/figures" -name '*.svg' | wc -l)" -gt 0 ] || wrong "$name: no figure"
        grep -q 'src="data:image/svg+xml;base64,' "runs/experiments/$name/report.html" || wrong "$name: no figure in its page"
    fi
    cp "runs/experiments/$name/cells.json" kept.json
    grep -v "measured now" out >first
    says "0 measured now" experiment "$name" --quick
    grep -v "measured now\|^[0-9]* of [0-9]*: \|^nano: \|^shapes:2: \|^epoch \|^weights \|^report \|^test " first >tables
    grep -v "measured now" out | cmp -s - tables || wrong "$name: the same results, but other tables"
    cmp -s kept.json "runs/experiments/$name/cells.json" || wrong "$name: computed again what was there"
done

# ---- the switches of each row are those that its name says

switches() { # FOLDER: a run's switches, as one line
    sed -n '/"derived"/,/"device"/p' "$1/config.json" | grep -o '"\(attention\|key_bias\|merging_norm\|norm\|position_bias\)": [^,]*' | sort | tr -d '\n'
}
row() { echo runs/experiments/ablation/runs/$1-seed-0-*; }
[ "$(switches $(row v1))" = '"attention": "dot""key_bias": true"merging_norm": "before""norm": "pre""position_bias": "table"' ] || wrong "V1: $(switches $(row v1))"
[ "$(switches $(row res-post-norm))" = '"attention": "dot""key_bias": true"merging_norm": "after""norm": "res-post""position_bias": "table"' ] || wrong "res-post: $(switches $(row res-post-norm))"
[ "$(switches $(row cosine-attention))" = '"attention": "cosine""key_bias": false"merging_norm": "after""norm": "res-post""position_bias": "table"' ] || wrong "cosine: $(switches $(row cosine-attention))"
[ "$(switches $(row log-cpb-v2))" = '"attention": "cosine""key_bias": false"merging_norm": "after""norm": "res-post""position_bias": "log-cpb"' ] || wrong "V2: $(switches $(row log-cpb-v2))"
[ "$(switches $(row sandwich))" = '"attention": "cosine""key_bias": false"merging_norm": "after""norm": "sandwich""position_bias": "log-cpb"' ] || wrong "sandwich: $(switches $(row sandwich))"

# ---- a learning rate that cannot be is found to fail

tr -s ' ' <runs/experiments/stability/cells.json | grep -q '"stopped": "the [a-z]* of step' || grep -q "fails (" runs/experiments/stability/report.html || wrong "stability: a learning rate of a million does not fail"

# ---- one training for each kind of position bias, and for absolute positions, is taken to all windows; the range is the
# paper's

bias() { grep -o '"position_bias": [^,]*' runs/experiments/transfer/runs/$1-seed-0-*/config.json | sort -u; }
[ "$(find runs/experiments/transfer/runs -mindepth 1 -maxdepth 1 | wc -l)" = 4 ] || wrong "transfer: not four trainings"
for kind in table linear-cpb log-cpb; do
    [ "$(bias $kind)" = "\"position_bias\": \"$kind\"" ] || wrong "transfer, $kind: $(bias $kind)"
done
[ "$(bias absolute)" = '"position_bias": "none"' ] || wrong "transfer, absolute: $(bias absolute)"
grep -q '"position_embedding": "absolute"' runs/experiments/transfer/runs/absolute-seed-0-*/config.json || wrong "transfer: no absolute positions"
for size in 16 24 32 64; do # of 4, 6, 8 and 16 tokens a window
    cells=$(tr -d ' \n' <runs/experiments/transfer/cells.json | grep -o "\"recipe\":{[^{}]*\"img-size\":$size,[^{}]*{[^{}]*\"pretrained_window_sizes\":4,\"window_size\":$((size / 4))}" | wc -l)
    [ "$cells" = 4 ] || wrong "transfer: $cells kinds with images of $size"
done
cp -r runs/experiments/transfer again && rm again/cells.json
says "16 measured now" experiment transfer --quick --output again
grep -q "^epoch " out && wrong "transfer: trained again what was trained"
tr -s ' ' <out | grep -qx "8 to 16 1.14x 0.33x 0.32x" || wrong "transfer: coordinates leave another range"

# ---- finetune learns once what all its trainings go on with, and says what it is not for

refuses 2 "--data shapes:1 is not for finetune" experiment finetune --data shapes:1 --output refused
for name in ape bee cat; do mkdir -p three/train/$name three/test/$name; done
refuses 2 "finetune needs at least 4 classes, two of them new: folder:three has 3" experiment finetune --data folder:three --output refused
[ -e refused ] && wrong "a refused finetune left a folder"
cp -r runs/experiments/finetune finetune && rm finetune/cells.json
weights=$(cksum finetune/weights/*)
says "6 measured now" experiment finetune --quick --output finetune
[ "$(cksum finetune/weights/*)" = "$weights" ] || wrong "finetune: the same training, but other weights"
rm finetune/weights/*
says "0 measured now" experiment finetune --quick --output finetune
grep -q '"freeze": "\*_embed,layers,norm"' finetune/cells.json || wrong "finetune: no probe"
grep -q '"layer-decay": 0.75' finetune/cells.json || wrong "finetune: no layer decay"

# ---- more seeds compute the new ones only, and give a spread

says "8 measured now" experiment amplitude --quick --seeds 2
holds out " +- "
holds runs/experiments/amplitude/report.html "2 seeds each"

# ---- killed, it goes on: what is measured stays, and the tables are those of one that was never killed

results() { grep -A20 "^From V1" "$1" | grep -v "measured now\|page in"; }
says "7 measured now" experiment ablation --quick --output whole
results out >whole.txt
"$program" experiment ablation --quick --output killed >out 2>err &
for _ in $(seq 60000); do
    [ "$(grep -c '"result"' killed/cells.json 2>/dev/null)" -ge 2 ] 2>/dev/null && break
    kill -0 $! 2>/dev/null || break
    sleep 0.01
done
refuses 1 "killed is in use by process $!" experiment ablation --quick --output killed
kill -KILL $!
wait $! 2>/dev/null
says "page in killed/report.html" experiment ablation --quick --output killed
[ "$(grep -o '^[0-9]* measured now' out | cut -d' ' -f1)" -le 5 ] || wrong "killed: computed again what was there"
results out >killed.txt
cmp -s whole.txt killed.txt || wrong "killed and gone on, the tables differ: $(diff whole.txt killed.txt | head -5)"

# ---- stopped by Ctrl-C's signal, it says how to go on

obedient "$program" experiment ablation --quick --output stopped >out 2>err &
until [ -e stopped/cells.json ] || ! kill -0 $! 2>/dev/null; do sleep 0.01; done
kill -INT $!
wait $!
status=$?
[ $status = 130 ] || wrong "stopped: exit code $status, expected 130"
holds out "the same command goes on"
says "page in stopped/report.html" experiment ablation --quick --output stopped

# ---- without gnuplot the numbers are there, and the page says why no figure is

PATH=$folder "$program" experiment memory --quick --output plain >out 2>err || wrong "without gnuplot: exit code $?"
holds err "gnuplot is not installed"
holds plain/report.html "gnuplot is not installed"
holds out "Memory of a training step"

# ---- on the device that the program has

if "$program" gradcheck softmax --device emulated >/dev/null 2>&1; then device=emulated; else device=cuda; fi
for precision in f32 bf16; do
    says "8 measured now" experiment memory --quick --device $device --precision $precision --output device
done
says "8 measured now" experiment amplitude --quick --device $device --precision bf16 --output device-amplitude

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
