#!/usr/bin/env bash
# Drives the commands of the built program on the device that it has: refusals, results, memory that runs out, kills.
# usage: test_devices.sh PROGRAM
images=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../fixtures/images")
source "$(dirname "${BASH_SOURCE[0]}")/program_test.sh"

# ---- what is refused

if "$program" gradcheck softmax --device emulated >/dev/null 2>&1; then device=emulated; else device=cuda; fi
other=$([ $device = cuda ] && echo emulated || echo cuda)
for command in "train" "evaluate --checkpoint nowhere" "predict --checkpoint nowhere x.jpg" "gradcheck softmax" bench \
    "trace --weights w --config c --input i --output o"; do
    refuses 2 "; use --device $device" $command --device $other
    refuses 2 "unknown --device \"emulate\": did you mean emulated?" $command --device emulate
done
for command in train "evaluate --checkpoint nowhere" bench; do
    refuses 2 "unknown --precision \"bf61\": did you mean bf16?" $command --precision bf61
done
[ -e runs ] && wrong "a refused training left a folder"

# ---- what each command does

tiny=(--data shapes --model nano --depths 1,1 --embed-dim 16 --num-heads 1,2 --img-size 16 --window-size 4,2)
bench=("${tiny[@]:2}" --batch 2 --steps 1)
says "2 of 2 cases ok" gradcheck softmax layer_norm --device $device
says "device memory at its peak" bench "${bench[@]}" --device $device
says '"precision":"bf16"' bench "${bench[@]}" --device $device --precision bf16 --json
training=("${tiny[@]}" --batch-size 600 --epochs 1 --device $device)
says "test accuracy" train "${training[@]}" --output f32
holds f32/config.json "\"device\": \"$device\""
grep -q '"device": "emulated on\|"device": "NVIDIA' f32/environment.json || wrong "environment.json names no device"
says "test accuracy" train "${training[@]}" --precision bf16 --output bf16
says "test accuracy" train --resume bf16
says "test accuracy" train "${tiny[@]}" --batch-size 600 --epochs 1 --precision bf16 --output bf16-on-cpu
refuses 2 "--device \"cpu\" contradicts the \"$device\" of bf16" train --resume bf16 --device cpu
for run in f32 bf16; do
    accuracy=$(timeout $limit "$program" evaluate --checkpoint $run | grep -o "test accuracy [0-9]*")
    says "$accuracy" evaluate --checkpoint $run --device $device
done
says "test accuracy" evaluate --checkpoint f32 --device $device --precision bf16
says " %" predict --checkpoint f32 --device $device "$images/colour.jpg"
mv out there
says " %" predict --checkpoint f32 "$images/colour.jpg"
[ "$(sed -n 2p out)" = "$(sed -n 2p there)" ] || wrong "predict: $(sed -n 2p out) on the CPU, $(sed -n 2p there) there"

# ---- what a step asks of the device

counted=("${tiny[@]:2}" --batch 2)
if [ $device = emulated ]; then
    says "predicted, not measured" kernels "${counted[@]}"
    says '"accesses_counted":true' kernels "${counted[@]}" --precision f32 --gpu a100 --json
    grep -q '"name":"layer_norm_forward_kernel<float>"' out || wrong "kernels: no layer norm in $(head -c 300 out)"
    grep -q '"read_bytes":0,.*"requests":0' out && wrong "kernels: one that touches no memory: $(head -c 600 out)"
    refuses 1 "--objects \"nowhere.so\": no such file" kernels "${counted[@]}" --objects nowhere.so
else
    refuses 2 "; use --device cuda" kernels "${counted[@]}"
fi
refuses 2 "--gpu expects a100, h100 or h200, got \"tpu\"" kernels --gpu tpu
refuses 2 "batch must be 1 to 1000000, got 0" kernels --batch 0

# ---- killed, a run goes on to the same bits

saving=("${training[@]}" --precision bf16 --checkpoint-every 2)
says "test accuracy" train "${saving[@]}" --output whole
cmp whole/model.safetensors bf16/model.safetensors || wrong "checkpoints in between change the weights"
until_saved killed train "${saving[@]}" --output killed
kill -KILL $!
wait $! 2>/dev/null
says "test accuracy" train --resume killed
cmp whole/model.safetensors killed/model.safetensors || wrong "killed and resumed on the device, the weights differ"

# ---- memory that runs out ends a run with its last checkpoint whole

if [ $device = emulated ]; then
    until_saved short train "${saving[@]}" --output short
    kill -INT $!
    wait $!
    cp short/last.safetensors before
    SWINGRAD_EMULATOR_MEMORY=4000000 refuses 1 "bytes left" train --resume short
    cmp before short/last.safetensors || wrong "memory ran out and the checkpoint changed"
    says "test accuracy" train --resume short
    cmp whole/model.safetensors short/model.safetensors || wrong "after memory ran out, the weights differ"
    SWINGRAD_EMULATOR_MEMORY=100000 refuses 1 "bytes left" bench "${bench[@]}" --device emulated
fi

# ---- steps that are not finite

overflowing=("${tiny[@]}" --batch-size 600 --device $device --epochs 2 --opt sgd --lr 1e30 --warmup-epochs 0)
refuses 1 "of step 2 " train "${overflowing[@]}" --output stopping
timeout $limit "$program" train "${overflowing[@]}" --on-nan skip --output skipping >out 2>err
[ $? = 1 ] || wrong "ten steps that are not finite: expected exit code 1"
[ "$(grep -c 'left out$' err)" = 9 ] || wrong "expected nine lines of steps left out, got: $(head -c 600 err)"

[ $failures = 0 ] && echo "all is well" || echo "$failures failures"
exit $((failures > 0))
