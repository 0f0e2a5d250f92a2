"""Loads torchvision's and Hugging Face's Swin V2 and V1 into a built swingrad, and compares logits.

    python tests/models/compare_names.py build/swingrad

Models are small and random, of sizes on which all implementations agree: square maps no smaller than the window. Where
maps are no whole windows, swingrad pads before the shift, as these two do. Needs PyTorch, torchvision, transformers and
safetensors. Exits with 1 where float32 logits deviate by more than 1e-5 of the largest.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from torchvision.models import swin_transformer as torchvision_swin
from transformers import SwinConfig, SwinForImageClassification, Swinv2Config, Swinv2ForImageClassification

CLASSES = 7
MODELS = [  # image, patch, channels, depths, heads, window
    (32, 2, 8, (1, 2), (2, 4), 4),
    (32, 4, 12, (2,), (3,), 4),
    (64, 2, 8, (2, 1, 2), (1, 2, 4), 8),
    (44, 2, 8, (2, 2), (2, 2), 4),  # maps of 22 and 11
]


def torchvision_model(version, image, patch, channels, depths, heads, window):
    switches = {} if version == 1 else dict(block=torchvision_swin.SwinTransformerBlockV2,
                                            downsample_layer=torchvision_swin.PatchMergingV2)
    return torchvision_swin.SwinTransformer(
        patch_size=[patch, patch], embed_dim=channels, depths=list(depths), num_heads=list(heads),
        window_size=[window, window], num_classes=CLASSES, **switches)


def hugging_face_model(version, image, patch, channels, depths, heads, window):
    classes = {1: (SwinConfig, SwinForImageClassification), 2: (Swinv2Config, Swinv2ForImageClassification)}
    config, model = classes[version]
    return model(config(image_size=image, patch_size=patch, embed_dim=channels, depths=depths, num_heads=heads,
                        window_size=window, num_labels=CLASSES))


def randomise(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3)
            if "norm" in name and name.endswith("weight"):
                parameter += 1
            if name.endswith("logit_scale"):
                parameter += 2


def swingrad_logits(program, folder, version, arguments):
    (folder / "config.json").write_text(json.dumps(
        {"architecture": "swin" if version == 1 else "swinv2", "num_classes": CLASSES, "model_args": arguments}))
    command = [program, "trace", "--weights", folder / "model.safetensors", "--config", folder / "config.json",
               "--input", folder / "input.safetensors", "--output", folder / "output.safetensors"]
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(str(part) for part in command)}\n{ran.stderr.strip()}")
    return load_file(folder / "output.safetensors")["logits"]


def deviation(program, family, version, sizes):
    image, patch, channels, depths, heads, window = sizes
    model = (torchvision_model if family == "torchvision" else hugging_face_model)(version, *sizes).eval()
    randomise(model)
    images, labels = torch.randn(2, 3, image, image), torch.zeros(2, dtype=torch.int64)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if family == "torchvision":
            save_file(model.state_dict(), folder / "model.safetensors")
        else:
            model.save_pretrained(folder)
        save_file({"images": images, "labels": labels}, folder / "input.safetensors")
        ours = swingrad_logits(program, folder, version, dict(
            img_size=image, patch_size=patch, embed_dim=channels, depths=depths, num_heads=heads, window_size=window,
            padding_order="before-shift"))
    with torch.no_grad():
        expected = model.double()(images.double())
    expected = expected if family == "torchvision" else expected.logits
    return ((ours - expected).abs().max() / expected.abs().max()).item(), expected.abs().max().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="the built swingrad")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    failed = False
    for sizes in MODELS:
        for family in ("torchvision", "Hugging Face"):
            for version in (2, 1):
                found, largest = deviation(options.program, family, version, sizes)
                failed |= not found <= 1e-5
                print(f"{family:12} V{version} image, patch, channels, depths, heads, window {sizes}: "
                      f"{found:.1e} of {largest:.1f}{'' if found <= 1e-5 else '  BEYOND TOLERANCE'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
