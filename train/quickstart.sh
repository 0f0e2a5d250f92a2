#!/usr/bin/env bash
# From nothing to a trained Swin Transformer V2, on pictures that the program draws itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

run=runs/quickstart
cat <<TEXT
This will
  1. install the packages that are missing, by apt-get (train/install-packages.sh has the list)
  2. build swingrad in build/
  3. train a small Swin V2 on ten kinds of shapes: a minute or two on two cores
Everything of the run goes to $run. Ctrl-C stops it, and it tells how to go on.

TEXT
train/build.sh --target swingrad
if [ -e "$run" ]; then
    echo "Replacing $run of an earlier time"
    rm -rf "$run"
fi
build/swingrad train --data shapes --model nano --epochs 20 --lr 2e-3 --output "$run"
