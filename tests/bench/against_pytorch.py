#!/usr/bin/env python3
"""Times whole training steps of swingrad and of a PyTorch peer, one after the other, and prints the ratio.

usage: against_pytorch.py --peer bench_train.py [--python PYTHON] [--program build/swingrad] [--models nano,cifar]
                          [--device cpu|cuda] [--batch 128] [--modes eager] [--repeats 5] [--output RESULT.json]
       against_pytorch.py --inference [--batch 1] ...       forward passes; the peer is pytorch_inference.py

The peer is a script called as `PYTHON bench_train.py MODEL MODE BATCH STEPS` that prints a JSON line with
images_per_s, peak_mb and model_mb (peak memory less what the process held before the model was built), as
`swingrad bench --json` does. Of several modes (--modes eager-bf16,compile-bf16,graph-bf16) all are bf16 or none.
swingrad and the modes take turns, so that what slows the machine for a while slows all; figures are medians over the
repeats.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]


def run(command: list[str]) -> dict:
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"against_pytorch: {' '.join(command)} failed: {result.stderr.strip().splitlines()[-1:]}")
    return json.loads(result.stdout.strip().splitlines()[-1])


def processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer")
    parser.add_argument("--inference", action="store_true")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--program", default=str(root / "build" / "swingrad"))
    parser.add_argument("--models", default="nano,cifar")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--modes", default="eager")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--output")
    options = parser.parse_args()
    if options.inference:
        options.peer = options.peer or str(root / "tests" / "bench" / "pytorch_inference.py")
    if not options.peer:
        sys.exit("against_pytorch: --peer names the script that trains with PyTorch; --inference has one of its own")

    modes = options.modes.split(",")
    precisions = {"bf16" if "bf16" in mode else "f32" for mode in modes}
    if len(precisions) != 1:
        sys.exit(f"against_pytorch: --modes {options.modes} mixes bf16 and f32")
    ours_command = [options.program, "bench", "--batch", str(options.batch), "--precision", precisions.pop(), "--device",
                    options.device, "--steps", str(options.steps), "--json", *(["--inference"] if options.inference else [])]
    record = dict(date=datetime.date.today().isoformat(), processor=processor(), cores=os.cpu_count(),
                  device=options.device, inference=options.inference, batch=options.batch, repeats=options.repeats, models={})
    print(f"{record['processor']}, {record['cores']} cores; {options.device}, "
          f"{'inference' if options.inference else 'training'}, batch {options.batch}, medians of "
          f"{options.repeats} interleaved runs")
    print(f"{'model':8} {'mode':12} {'swingrad':>12} {'PyTorch':>12} {'ratio':>7} {'MB':>8} {'MB':>8} {'ratio':>7}")
    for model in options.models.split(","):
        ours, theirs = [], {mode: [] for mode in modes}
        for _ in range(options.repeats):
            ours.append(run([*ours_command, "--model", model]))
            for mode in modes:
                peer = [options.python, options.peer, model, mode, str(options.batch), str(options.steps)]
                theirs[mode].append(run(peer))
        median = lambda runs, key: statistics.median(r[key] for r in runs)
        record["models"][model] = dict(runs=ours, peers={})
        for mode in modes:
            row = dict(images_per_s=median(ours, "images_per_s"), peer_images_per_s=median(theirs[mode], "images_per_s"),
                       model_mb=median(ours, "model_mb"), peer_model_mb=median(theirs[mode], "model_mb"),
                       runs=theirs[mode])
            row["speed_ratio"] = row["images_per_s"] / row["peer_images_per_s"]
            row["memory_ratio"] = row["model_mb"] / row["peer_model_mb"]
            record["models"][model]["peers"][mode] = row
            print(f"{model:8} {mode:12} {row['images_per_s']:12.1f} {row['peer_images_per_s']:12.1f} "
                  f"{row['speed_ratio']:7.2f} {row['model_mb']:8.0f} {row['peer_model_mb']:8.0f} "
                  f"{row['memory_ratio']:7.2f}", flush=True)
    if options.output:
        pathlib.Path(options.output).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
