"""Compares a built swingrad with timm on random Swin V2 and V1 models: logits, every layer's output, every gradient.

    python tests/models/compare_with_timm.py build/swingrad             # 20 random models, float32 and float64
    python tests/models/compare_with_timm.py build/swingrad --models 200 --seed 7

Needs PyTorch, timm and safetensors. Expected values are timm's in float64; beside the deviations of swingrad stand
those of timm in float32. Exits with 1 where a model is beyond 1e-5 in its logits or 1e-4 in a gradient (2e-4 where a
logit scale is above its clamp: a scale of 100 multiplies rounding), unless timm in float32 is, too.
"""

import argparse
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file

import timm_reference as peer


def random_arguments(draw, architecture):
    """A small model with anything that timm accepts: windows larger than maps, maps that are no whole windows, ..."""
    stages = draw.randint(1, 3)
    heads = [draw.choice((1, 2, 3)) for _ in range(stages)]
    channels = 4 * math.lcm(*heads)
    patch = draw.choice((1, 2, 4))

    def window():
        pair = [draw.randint(2, 8), draw.randint(2, 8)]
        # Where there are two stages, timm takes a list that begins with a number for one window, [rows, columns].
        return pair if stages == 2 else draw.choice((draw.randint(2, 8), pair))

    return dict(
        img_size=[patch * draw.randint(4, 14), patch * draw.randint(4, 14)],
        patch_size=patch,
        in_chans=draw.choice((1, 3)),
        embed_dim=channels,
        depths=[draw.randint(1, 2) for _ in range(stages)],
        num_heads=heads,
        window_size=[window() for _ in range(stages)] if stages > 2 or draw.random() < 0.3 else draw.randint(2, 8),
        mlp_ratio=draw.choice((1.0, 2.0, 4.0)),
        qkv_bias=draw.random() < 0.8,
        **({"pretrained_window_sizes": [draw.choice((0, 0, draw.randint(2, 8))) for _ in range(stages)]}
           if architecture == "swinv2" else {}),
        **({"position_embedding": "absolute"} if draw.random() < 0.3 else {}),
    )


def trace(program, folder, precision):
    command = [program, "trace", "--weights", folder / "weights.safetensors", "--config", folder / "config.json",
               "--input", folder / "input.safetensors", "--output", folder / "output.safetensors", "--precision", precision]
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{ran.stderr.strip()}")
    return load_file(folder / "output.safetensors")


def check(program, architecture, arguments, num_classes, scales_above_clamp, batch):
    """Prints one line a precision; returns whether all of it is within tolerance."""
    model = peer.build(architecture, arguments, num_classes)
    weights = peer.generated_weights(model)
    if scales_above_clamp:
        for name in weights:
            if name.endswith("logit_scale"):
                weights[name] += 2.5  # 2.5 to 6.5; the clamp is at 4.6
    images = torch.randn(batch, arguments["in_chans"], *arguments["img_size"])
    labels = torch.randint(num_classes, (batch,))
    exact = peer.reference(architecture, arguments, num_classes, weights, images, labels, torch.float64)
    narrow = peer.worst(peer.deviations(peer.reference(architecture, arguments, num_classes, weights, images, labels, torch.float32), exact))

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        save_file(weights, folder / "weights.safetensors")
        save_file({"images": images, "labels": labels}, folder / "input.safetensors")
        (folder / "config.json").write_text(json.dumps(
            {"architecture": architecture, "num_classes": num_classes, "model_args": arguments}))
        passed = True
        for precision in ("f32", "f64"):
            written = trace(program, folder, precision)
            ours = {key: written[key.removeprefix("output.")] for key in exact}
            found = peer.worst(peer.deviations(ours, exact))
            single = precision == "f32"
            limits = {"logits": 1e-5 if single else 2e-6, "output": 2e-5 if single else 2e-6,
                      "gradient": (2e-4 if scales_above_clamp else 1e-4) if single else 2e-6}
            for kind, (deviation, _) in found.items():
                passed &= deviation <= max(limits[kind], 2 * narrow[kind][0] if single else 0)
            print(f"  {precision}", *(f" {kind} {value:.1e} ({where})" for kind, (value, where) in found.items()))
        print("  timm f32", *(f" {kind} {value:.1e}" for kind, (value, _) in narrow.items()))
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="the built swingrad")
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    failed = 0
    for number in range(options.models):
        architecture = draw.choice(("swinv2", "swinv2", "swin"))
        arguments = random_arguments(draw, architecture)
        above = architecture == "swinv2" and draw.random() < 0.2
        print(f"model {number}, {architecture}{', scales above the clamp' if above else ''}: {json.dumps(arguments)}")
        if not check(options.program, architecture, arguments, draw.randint(2, 10), above, draw.randint(1, 3)):
            failed += 1
            print("  BEYOND TOLERANCE")
    print(f"{options.models - failed} of {options.models} models within tolerance")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
