#!/usr/bin/env python3
"""Training steps of the examples vit, gpt and resnet20 (tests/examples) against the same models in PyTorch, float32.

usage: examples_against_pytorch.py BUILD [--models vit,gpt,resnet20] [--modes eager,compile] [--batch 128] [--steps 6]
                                   [--repeats 3]

Each side (swingrad, and PyTorch in each mode) runs in a process of its own, in turns; the median over repeats is
printed, with peak memory. A step is forward, backward and update; two are taken before any is timed, in which
torch.compile compiles. PyTorch's convolutions are given channels-last memory, which is faster on a CPU.
"""
import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def torch_side(model_name, batch, steps, compiled, threads):
    import torch
    import torch.nn.functional as F
    sys.path.insert(0, str(HERE.parent / "fixtures"))
    import make_example_fixtures as models
    torch.set_num_threads(threads)
    model = {"vit": models.ViT, "gpt": models.GPT, "resnet20": models.ResNet20}[model_name]()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    if model_name == "gpt":
        inputs, targets = torch.randint(128, (batch, 64)), torch.randint(128, (batch, 64))
    else:
        inputs, targets = torch.randn(batch, 32, 32, 3), torch.randint(10, (batch,))
    optimiser = (models.sgd if model_name == "resnet20" else models.adamw)(model)
    if model_name == "resnet20":
        model = model.to(memory_format=torch.channels_last)
    run = torch.compile(model) if compiled else model

    def step():
        optimiser.zero_grad()
        output = run(inputs)
        F.cross_entropy(output.reshape(-1, output.shape[-1]), targets.reshape(-1)).backward()
        optimiser.step()

    for _ in range(2):
        step()
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # of this process; compilers run beside it
    print(json.dumps({"samples_per_s": batch / statistics.median(seconds), "peak_mb": peak}))


def one(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--models", default="vit,gpt,resnet20")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--modes", default="eager,compile", help="PyTorch's: eager, compile, or both")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--torch-side", help=argparse.SUPPRESS)
    args = parser.parse_args()
    modes = args.modes.split(",")
    if unknown := set(modes) - {"eager", "compile"}:
        parser.error(f"--modes must be of eager and compile, got {', '.join(sorted(unknown))}")
    if args.torch_side:
        return torch_side(args.torch_side, args.batch, args.steps, modes == ["compile"], args.threads)

    print(f"{'model':10} {'PyTorch':8} {'swingrad/s':>11} {'torch/s':>9} {'ratio':>6} {'MB':>7} {'torch MB':>9} {'ratio':>6}")
    for model in args.models.split(","):
        common = ["--steps", str(args.steps), "--threads", str(args.threads)]
        data = ["--data", str(HERE.parents[1] / "ops" / "README.md")] if model == "gpt" else []
        commands = {"swingrad": [args.build / "tests" / model, "bench", "--batch-size", str(args.batch), *common, *data]}
        for mode in modes:
            commands[mode] = [sys.executable, __file__, args.build, "--torch-side", model, "--batch", str(args.batch),
                              "--modes", mode, *common]
        rows = {side: [] for side in commands}
        for _ in range(args.repeats):
            for side, command in commands.items():
                rows[side].append(one(command))
        median = lambda side, key: statistics.median(row[key] for row in rows[side])
        for mode in modes:
            a, b = median("swingrad", "samples_per_s"), median(mode, "samples_per_s")
            c, d = median("swingrad", "peak_mb"), median(mode, "peak_mb")
            print(f"{model:10} {mode:8} {a:11.1f} {b:9.1f} {a / b:6.2f} {c:7.0f} {d:9.0f} {c / d:6.2f}", flush=True)


main()
