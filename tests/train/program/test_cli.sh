#!/usr/bin/env bash
# Drives the built program as a user does: what it says of bad input, and that no kill costs a run anything.
# usage: test_cli.sh PROGRAM
version=$(sed -n 's/^project(swingrad VERSION \([0-9.]*\) .*/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../../../CMakeLists.txt")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

# ---- what is right

says "Examples:"
says "swingrad $version, fast paths for " --version
for command in train evaluate summary bench gradcheck trace; do says "Example" $command --help; done
says "28,347,154 (28347154)" summary --model tiny
says "layers.3" summary --model giant
says '"parameters":28347154' summary --model tiny --json
says "layer_norm" gradcheck layer_norm
says '"images_per_s":' bench --model nano --batch 2 --steps 1 --json
says "ms a step" bench --model nano --batch 2 --steps 1 --threads 1

# ---- what is wrong

refuses 2 "unknown command dance: expected one of train," dance
refuses 2 "unknown flag --speed: expected one of" --speed 3
refuses 2 "unknown flag --epoch: did you mean --epochs?" train --epoch 3
refuses 2 "unknown argument nano" train nano
refuses 2 "--epochs expects a whole number, got \"three\"" train --epochs three
refuses 2 "--lr expects a number, got \"1e-3x\"" train --lr 1e-3x
refuses 2 "--lr must be above 0 and at most 1e30, got -1" train --lr -1
refuses 2 "--lr must be above 0 and at most 1e30, got nan" train --lr nan
refuses 2 "--batch-size must be 1 to 1000000, got 0" train --batch 0
refuses 2 "--threads must be 1 to 1024, got 0" train --threads 0
refuses 2 "unknown --device \"gpu\": did you mean cuda?" train --device gpu
refuses 2 "unknown --device \"tpus\": expected one of cpu, reference, cuda, emulated" train --device tpus
refuses 2 "unknown --model \"mega\": expected one of nano, micro" train --model mega
refuses 2 "spirals" train --data spirals
refuses 2 "spirals" evaluate --weights w --model nano --data spirals
refuses 2 "mega" evaluate --weights w --model mega --data shapes
refuses 2 "mega" bench --model mega
refuses 2 "unknown argument evaluate" train --epochs 1 evaluate
refuses 1 "nowhere" train --data folder:nowhere
refuses 1 "nowhere" train --data cifar10:nowhere
refuses 1 "nowhere" train --resume nowhere
refuses 1 "batch of 100000 needs as many samples to train on" train --batch-size 100000
mkdir taken
touch taken/file
refuses 1 "taken exists already" train --output taken
refuses 1 "taken is not a run" train --resume taken
refuses 2 "mega" summary --model mega
refuses 2 "unknown operation no_such_op: expected one of" gradcheck no_such_op
refuses 2 "--steps must be 1 to 1000000, got 0" bench --steps 0
refuses 2 "either --checkpoint or --weights" evaluate
refuses 2 "--weights w.safetensors needs --model" evaluate --weights w.safetensors
refuses 1 "nowhere" evaluate --checkpoint nowhere
refuses 2 "--input is required" trace
refuses 2 "expected either --checkpoint or --weights" trace --input i --output o
refuses 2 "--weights w needs --config" trace --weights w --input i --output o
refuses 2 "--config c goes with --weights" trace --checkpoint r --config c --input i --output o
refuses 2 "unknown --precision \"f16\"" trace --weights w --config c --input i --output o --precision f16
refuses 1 "nowhere.json" trace --weights w --config nowhere.json --input i --output o

refuses 1 "nowhere.json" train --config nowhere.json
echo '{"epochs": 2, "learning_rate": 1}' >unknown.json
refuses 2 "unknown.json: unknown key \"learning_rate\"; expected one of data, model" train --config unknown.json
echo '{"epochs": "two"}' >text.json
refuses 2 "text.json: \"epochs\" must be a whole number, got \"two\"" train --config text.json
echo '{"epochs": ' >broken.json
refuses 1 "broken.json is not JSON" train --config broken.json

# A file where the run's folder should be made.
touch file
refuses 1 "cannot create file/run" train "${small[@]}" --output file/run

# ---- a run, whole; and again from its own config.json, on one thread

says "test accuracy" train "${small[@]}" --output whole --threads 2
[ "$(wc -l <whole/log.jsonl)" = 3 ] || wrong "log.jsonl has $(wc -l <whole/log.jsonl) lines, expected 2 epochs and the test"
for name in config.json last.safetensors best.safetensors model.safetensors; do [ -s "whole/$name" ] || wrong "no whole/$name"; done
says "test accuracy" train --config whole/config.json --output again --threads 1
cmp whole/model.safetensors again/model.safetensors || wrong "1 thread and 2 threads give different weights"
accuracy=$(grep -o "test accuracy [0-9.]*" out)
says "$accuracy" evaluate --checkpoint whole
says "$accuracy" evaluate --checkpoint whole/model.safetensors --threads 1
refuses 2 "--img-size 16 goes with --weights" evaluate --checkpoint whole --img-size 16
refuses 2 "--std expects R,G,B" evaluate --weights whole/model.safetensors --model nano --img-size 16 --data shapes --std 1,2
says "--mean 0.1,0.2,0.3 --std 0.25,0.25,0.25" evaluate --weights whole/model.safetensors --model nano --img-size 16 --data shapes --mean 0.1,0.2,0.3
cp -r whole edited
sed -i 's/"batch-size": 400/"batch-size": 0/' edited/config.json
refuses 2 "edited/config.json: --batch-size must be 1 to 1000000, got 0" train --resume edited
says "$accuracy" evaluate --weights whole/model.safetensors --model nano --img-size 16 --data shapes --batch 100
says "test accuracy" train --resume whole
[ "$(wc -l <whole/log.jsonl)" = 3 ] || wrong "resuming a finished run changed its log"

refuses 2 "--lr 0.5 contradicts the 0.001 of whole" train --resume whole --lr 0.5
refuses 2 "--epochs 1 contradicts the 2 of whole" train --resume whole --epochs 1
refuses 2 "--output other contradicts --resume whole" train --resume whole --output other
refuses 1 "does not fit" evaluate --weights whole/model.safetensors --model micro --img-size 16 --data shapes
head -c 20000 whole/model.safetensors >short.safetensors
refuses 1 "short.safetensors" evaluate --weights short.safetensors --model nano --img-size 16 --data shapes
cp -r whole damaged
head -c 20000 whole/last.safetensors >damaged/last.safetensors
refuses 1 "damaged/last.safetensors" train --resume damaged
echo "no checkpoint" >damaged/last.safetensors
refuses 1 "damaged/last.safetensors" train --resume damaged
echo "{}" >damaged/config.json
refuses 1 "damaged/config.json" train --resume damaged

# ---- killed at any moment, stopped politely, out of room: nothing is lost

for threads in 1 2; do
    run=killed-$threads
    until_saved $run train "${small[@]}" --checkpoint-every 5 --output $run --threads $threads
    kill -KILL $!
    wait $! 2>/dev/null
    until_saved $run train --resume $run --threads $threads
    kill -KILL $!
    wait $! 2>/dev/null
    [ -e $run/model.safetensors ] && wrong "$run was over before it was killed"
    says "test accuracy" train --resume $run --threads $threads
    cmp whole/model.safetensors $run/model.safetensors || wrong "$run: killed and resumed, the weights differ"
    [ "$(grep -c '"epoch":' $run/log.jsonl)" = 2 ] || wrong "$run: expected 2 epochs in the log"
done

# The same of images that are cropped, changed by a policy, erased and mixed, by Muon and with averaged weights.
augmented=("${tiny[@]}" --epochs 1 --warmup-epochs 0.5 --train-crop-mode rrc --aa rand-m9-mstd0.5-inc1 --mixup 0.8 --cutmix 1
    --mixup-mode pair --reprob 0.25 --aug-repeats 2 --alternate-flip --opt muon --model-ema --model-ema-decay 0.9)
says "test accuracy" train "${augmented[@]}" --output augmented
until_saved killed-augmented train "${augmented[@]}" --checkpoint-every 3 --workers 1 --output killed-augmented
kill -KILL $!
wait $! 2>/dev/null
[ -e killed-augmented/model.safetensors ] && wrong "killed-augmented was over before it was killed"
says "test accuracy" train --resume killed-augmented
cmp augmented/model.safetensors killed-augmented/model.safetensors || wrong "killed-augmented: killed and resumed, the weights differ"

until_saved stopped train "${small[@]}" --checkpoint-every 5 --output stopped
kill -INT $!
wait $!
status=$?
[ $status = 130 ] || wrong "interrupted: exit code $status, expected 130"
grep -q "swingrad train --resume stopped" out || wrong "interrupted: no line that tells how to go on"
# No room for a checkpoint: one line, and the last one survives.
cp stopped/last.safetensors kept
(
    ulimit -f 500
    refuses 1 "last checkpoint: epoch" train --resume stopped
    exit $failures
)
failures=$?
cmp kept stopped/last.safetensors || wrong "a full disk damaged the last checkpoint"
says "test accuracy" train --resume stopped
cmp whole/model.safetensors stopped/model.safetensors || wrong "stopped and resumed, the weights differ"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
