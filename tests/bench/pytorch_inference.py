#!/usr/bin/env python3
"""Times the forward pass of timm's Swin V2 in PyTorch under inference_mode, on random images already in memory: the
other side of `swingrad bench --inference`. Needs PyTorch and timm.

usage: pytorch_inference.py MODEL MODE BATCH [STEPS]
  MODEL  nano | cifar | tiny
  MODE   eager | eager-bf16 | compile | compile-bf16      (bf16: autocast)
Prints one JSON line: images_per_s over the median of STEPS (10), peak_mb, and model_mb, the same less what the process
held before the model was built.
"""
import json
import resource
import statistics
import sys
import time

import torch
from timm.models.swin_transformer_v2 import SwinTransformerV2

models = {
    "nano": dict(img_size=32, patch_size=4, window_size=4, embed_dim=48, depths=(2, 4), num_heads=(3, 6), num_classes=10),
    "cifar": dict(img_size=32, patch_size=2, window_size=4, embed_dim=96, depths=(2, 6, 4), num_heads=(3, 6, 12), num_classes=10),
    "tiny": dict(img_size=256, patch_size=4, window_size=8, embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), num_classes=1000),
}


def main() -> None:
    name, mode, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    steps = int(sys.argv[4]) if len(sys.argv) > 4 else 10
    held = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 2**20
    model = SwinTransformerV2(**models[name]).eval()
    forward = torch.compile(model) if mode.startswith("compile") else model
    size = models[name]["img_size"]
    images = torch.randn(batch, 3, size, size)
    times = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled="bf16" in mode):
        for step in range(steps + 2):
            start = time.perf_counter()
            forward(images)
            if step >= 2:
                times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(dict(torch=torch.__version__, model=name, mode=mode, batch=batch, ms_per_step=round(1e3 * seconds, 1),
                          images_per_s=round(batch / seconds, 1), peak_mb=peak, model_mb=peak - held)))


if __name__ == "__main__":
    main()
