#!/usr/bin/env bash
# What one sees of a run: scores as JSON, predictions of a folder, the page, runs side by side, events for TensorBoard;
# and runs that end early or go on for longer than they were begun for.
# usage: test_seen.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"
smallest=(--data shapes --img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 1,1 --window-size 2
    --batch-size 400 --checkpoint-every 4)
epochs_in() { grep -c '"epoch":' "$1/log.jsonl"; }

# ---- evaluate

says "test accuracy" train "${smallest[@]}" --epochs 2 --output whole
says "test accuracy" evaluate --checkpoint whole
head -1 out | grep -qE '^test accuracy [0-9.]+ %, top-5 [0-9.]+ %  \(loss ' || wrong "evaluate says $(head -1 out)"
holds out "hardest classes"
[ "$(sed -n '/^hardest/,$p' out | wc -l)" = 6 ] || wrong "evaluate: not a table of five classes: $(cat out)"
printed=$(sed -n 's/^test accuracy \([0-9.]*\) %.*/\1/p' out)
says '"top5_accuracy":' evaluate --checkpoint whole --json
[ "$(wc -l <out)" = 1 ] || wrong "evaluate --json: more than JSON on standard output"
for name in loss samples macro classes precision recall f1 support confusion calibration expected_calibration_error \
    instruction_set weights crc32c; do holds out "\"$name\":"; done
[ "$(printf %.2f "$(sed 's/^{"accuracy":\([0-9.]*\),.*/\1/' out)")" = "$printed" ] || wrong "evaluate --json: another accuracy"
identity=$(sed -n 's/.*"identity": "\([0-9a-f]*\)".*/\1/p' whole/config.json)
holds out "\"run\":\"$identity\""
cp out alone.json
says "top-5" evaluate --checkpoint whole --json result.json
cmp result.json alone.json || wrong "evaluate --json FILE is not what standard output gets"
for to in - /dev/stdout; do
    says '"loss":' evaluate --checkpoint whole --json $to
    cmp out alone.json || wrong "evaluate --json $to is not what --json gives"
done
says '"accuracy":' evaluate --weights whole/model.safetensors --config whole/config.json --data shapes --json
[ "$(wc -l <out)" = 1 ] && holds err "normalised by --mean"
refuses 2 "--json whole/config.json would be written over whole/config.json" evaluate --checkpoint whole --json whole/config.json
refuses 1 "--json nowhere/a.json: no such folder: nowhere" evaluate --checkpoint whole --json nowhere/a.json
refuses 1 "--json whole is a folder" evaluate --checkpoint whole --json whole
cp "$images/grey.jpg" picture.jpg
refuses 1 "--json picture.jpg is there already, and holds something else" evaluate --checkpoint whole --json picture.jpg
cmp "$images/grey.jpg" picture.jpg || wrong "evaluate --json wrote over a picture"
says "top-5" evaluate --checkpoint whole --json result.json

# ---- predict

mkdir -p album/b album/a/deep album/.hidden hollow broken
cp "$images/colour.jpg" album/b/2.jpg && cp "$images/grey.jpg" album/a/1.jpg && cp "$images/palette.png" album/a/deep/3.png
cp "$images/grey.jpg" album/.hidden && touch album/b/Thumbs.db album/.DS_Store && ln -s ../../album album/b/again
says '"image":"album/a/1.jpg"' predict --checkpoint whole --json --top 1 album
[ "$(sed 's/.*"image":"\([^"]*\)".*/\1/' out | tr '\n' ' ')" = "album/a/1.jpg album/a/deep/3.png album/b/2.jpg " ] ||
    wrong "predict FOLDER: $(cat out)"
says '"image":"album/b/2.jpg"' predict --checkpoint whole --json album/b "$images/grey.jpg"
[ "$(wc -l <out)" = 2 ] || wrong "predict: a folder and a file are not two pictures"
echo "no picture" | tee album/a/notes.txt >broken/x.png
refuses 1 "album/a/notes.txt: expected JPEG or PNG, got neither" predict --checkpoint whole album
[ "$(wc -l <out)" = 18 ] || wrong "predict: one bad file kept the others from being predicted"
says "album/b/2.jpg" predict --checkpoint whole --skip-broken album
[ "$(wc -l <out)" = 18 ] && holds err "swingrad: left out: [image] album/a/notes.txt: expected JPEG or PNG"
refuses 1 "hollow: expected images, found none" predict --checkpoint whole hollow
refuses 1 "nowhere.jpg" predict --checkpoint whole --skip-broken nowhere.jpg
timeout $limit "$program" predict --checkpoint whole --skip-broken broken >out 2>err && wrong "predict: no picture is left, and all is well"
holds err "none of the files is a picture"

# ---- the page

for part in "<h2>Classes</h2>" "<h2>Calibration</h2>" "<h2>What the model sees</h2>" "mean of the classes"; do holds whole/report.html "$part"; done
if command -v gnuplot >/dev/null; then [ -s whole/figures/calibration.svg ] || wrong "no calibration.svg"; fi

# ---- end early

still=("${smallest[@]}" --epochs 9 --lr 1e-30 --warmup-epochs 0) # nothing is learnt
says "stopped early after epoch 3 of 9: since epoch 1 none was better" train "${still[@]}" --early-stop 2 --output early
holds early/log.jsonl '"stopped_early_after":3'
[ "$(epochs_in early)" = 3 ] || wrong "stopped early: $(epochs_in early) epochs in the log, expected 3"
holds early/report.html "stopped early"
says "weights" verify early
cp early/model.safetensors early.safetensors
says "stopped early after epoch 3 of 9" train --resume early
cmp early.safetensors early/model.safetensors || wrong "a run that stopped early, resumed, has other weights"
[ "$(wc -l <early/log.jsonl)" = 4 ] || wrong "resuming a run that stopped early changed its log"
says "stopped early after epoch 5 of 9" train --resume early --early-stop 4
holds early/config.json '"early-stop": 4'
until_saved halted train "${still[@]}" --early-stop 2 --output halted
kill -KILL $!
wait $! 2>/dev/null
says "stopped early after epoch 3 of 9" train --resume halted
cmp early.safetensors halted/model.safetensors || wrong "killed and resumed, it stops early with other weights"
refuses 2 "--early-stop 2 needs images to validate on" train "${still[@]}" --validation 0 --early-stop 2 --output none
refuses 2 "--early-stop must be 0 to 1000000, got -1" train "${still[@]}" --early-stop -1 --output none
[ -e none ] && wrong "a run that cannot be left a folder"

# ---- go on for longer

says "test accuracy" train "${smallest[@]}" --epochs 1 --output short
for copy in raised killed edited; do cp -r short $copy; done
says "epochs raised from 1 to 3: from step " train --resume raised --epochs 3
holds raised/config.json '"epochs": 3'
[ "$(epochs_in raised)" = 3 ] || wrong "raised to 3 epochs: $(epochs_in raised) in the log"
says "weights" verify raised
says "test accuracy" train "${smallest[@]}" --epochs 3 --output long
rates() { sed -n 's/.*"epoch":[23],.*"learning_rate":\([^,}]*\).*/\1/p' "$1/log.jsonl"; }
[ "$(rates long | wc -l)" = 2 ] && [ "$(rates long)" = "$(rates raised)" ] || wrong "raised, the rates are $(rates raised), of a run of 3 epochs $(rates long)"
cmp -s raised/last.safetensors long/last.safetensors && wrong "the first epoch was of one epoch in all, and the weights are the same"
until_saved killed train --resume killed --epochs 3
kill -KILL $!
wait $! 2>/dev/null
[ -e killed/model.safetensors ] && wrong "the result of one epoch stands beside a run of three"
says "test accuracy" train --resume killed
cmp raised/model.safetensors killed/model.safetensors || wrong "raised, killed and resumed, the weights differ"
refuses 2 "--epochs 2 contradicts the 3 of raised, which can only be raised" train --resume raised --epochs 2
says "test accuracy" train --resume raised --epochs 3
grep -q "epochs raised" out && wrong "as many epochs as before are raised"
sed -i 's/"epochs": 1/"epochs": 3/' edited/config.json
refuses 2 "made with epochs 1, but the run's settings say 3" train --resume edited
says "epochs raised from 3 to 4" train --resume raised --epochs 4
says "weights" verify raised

# ---- several runs

mkdir other bare
cp whole/config.json bare
echo '{"epochs": 2, "lr": 0.5, "derived": {"program": "mlp", "data": "", "limit": 3}}' >other/config.json
echo '{"epoch":1,"train_loss":2.5,"validation_loss":2.25,"seconds":4}' >other/log.jsonl
says "page in compare.html" compare whole early other bare
for text in "best validation accuracy" "1 of 2, not finished" "no epoch yet" "stopped early" "mlp"; do holds out "$text"; done
holds compare.html "4 runs compared"
grep -qE '(src|href)="[^d]' compare.html && wrong "the page of several runs needs something beside itself"
says "</html>" compare whole long --output /dev/stdout
refuses 1 "nowhere/all.html" compare whole long --output nowhere/all.html
refuses 2 "expected at least two RUNs, got whole" compare whole
refuses 2 "expected at least two RUNs" compare
refuses 2 "whole and whole/ are the same run" compare whole whole/
refuses 1 "[compare] album is not a run: no config.json in it" compare whole album
refuses 1 "[compare] nowhere: no such folder" compare whole nowhere
refuses 2 "--output whole/report.html would be written over" compare whole long --output whole/report.html
refuses 1 "--output picture.jpg is there already" compare whole long --output picture.jpg
says "page in compare.html" compare whole long
echo "{" >bare/config.json
refuses 1 "bare/config.json" compare whole bare
program_path=$folder
timeout $limit env PATH="$program_path" "$program" compare whole long --output plain.html >out 2>err || wrong "compare without gnuplot: exit code $?"
program_path=$PATH
holds err "gnuplot is not installed"
holds plain.html "gnuplot is not installed"

# ---- events for TensorBoard

if timeout $limit "$program" train "${smallest[@]}" --epochs 2 --tensorboard --output board >out 2>err; then
    [ "$(ls board | grep -c '^events\.out\.tfevents\.[0-9]*\.swingrad')" = 1 ] || wrong "no event file, or several: $(ls board)"
    grep -qa "loss/train" board/events.out.tfevents.* || wrong "no loss in the event file"
    cmp whole/model.safetensors board/model.safetensors || wrong "with events the weights differ"
    says "test accuracy" train --resume board
    [ "$(ls board | grep -c '^events\.')" = 2 ] || wrong "a resumed run has no event file of its own: $(ls board)"
    says "test accuracy" train --resume short --tensorboard
    [ "$(ls short | grep -c '^events\.')" = 1 ] || wrong "--tensorboard of a resumed run writes no events: $(ls short)"
else
    [ "$(wc -l <err)" = 1 ] && grep -q "built without protobuf's library" err || wrong "--tensorboard: $(head -c 300 err)"
    [ -e board ] && wrong "--tensorboard: it cannot, and leaves a folder"
fi

# ---- each image together with its mirror image: told apart
says "with mirror images" train "${tiny[@]}" --epochs 1 --tta --output both
says "test accuracy" train "${tiny[@]}" --epochs 1 --output once
cmp both/model.safetensors once/model.safetensors || wrong "--tta changes what is learnt"
holds both/log.jsonl '"test_tta_accuracy":'
grep -q tta once/log.jsonl && wrong "without --tta it is in the log"
says "with mirror images" evaluate --checkpoint both --tta
accuracy=$(grep -o "with mirror images [0-9.]*" out)
grep -q "\"test_tta_accuracy\":$(echo "$accuracy" | grep -o "[0-9.]*$" | sed 's/0*$//')" both/log.jsonl ||
    wrong "train and evaluate differ: $accuracy, $(tail -1 both/log.jsonl)"
says '"tta":{' evaluate --checkpoint both --tta --json
says '"accuracy":' evaluate --checkpoint both --json
grep -q tta out && wrong "without --tta it is in the JSON"
refuses 2 "--tta does nothing without --task classification" train --task segmentation --tta --output none
[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
