"""Folders of hubs, both ways: timm and transformers write small random models, swingrad reads them and computes their
logits; then swingrad converts each, and the libraries read that and compute the same.

    python tests/models/compare_hubs.py build/swingrad

Needs PyTorch, timm, transformers and safetensors. Exits with 1 where float32 logits deviate by more than 1e-5 of the
largest, or where what is known of images and classes is lost on the way.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import timm
import torch
from safetensors.torch import load_file, save_file
from timm.models._hub import save_for_hf
from transformers import (AutoImageProcessor, AutoModelForImageClassification, CLIPImageProcessor, SwinConfig,
                          SwinForImageClassification, Swinv2Config, Swinv2ForImageClassification, ViTImageProcessor)
from transformers.utils import logging

logging.disable_progress_bar()
CLASSES = ["ape", "bee", "cat", "dog", "eel"]
MEAN, STD = [0.5, 0.25, 0.375], [0.25, 0.5, 0.125]
SMALL = dict(img_size=16, patch_size=2, embed_dim=4, depths=(2, 1), num_heads=(1, 2), window_size=4)

TIMM = {  # one difficulty each; "both": transformers has such a model too
    "plain": dict(SMALL, both=True),
    "pretrained": dict(SMALL, pretrained_window_sizes=(6, 3), both=True),
    "no_bias": dict(SMALL, qkv_bias=False, mlp_ratio=2.0, both=True),
    "non_square": dict(SMALL, img_size=(16, 24), both=False),
    "windows": dict(SMALL, window_size=((4, 2), (2, 4)), both=False),
    "padded": dict(SMALL, img_size=22, both=False),
    "clipped": dict(SMALL, window_size=8, both="V2"),
    "three_stages": dict(SMALL, img_size=32, patch_size=1, depths=(1, 2, 1), num_heads=(1, 2, 2), both=True),
}
TRANSFORMERS = {
    "plain": dict(image_size=16, window_size=4, both=True),
    "pretrained": dict(image_size=16, window_size=4, pretrained_window_sizes=[6, 3], both=True),
    "no_bias": dict(image_size=16, window_size=4, qkv_bias=False, mlp_ratio=2.0, both=True),
    "non_square": dict(image_size=[16, 32], window_size=2, both=True),
    "padded": dict(image_size=22, window_size=4, both=False),
}


def randomise(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0, 0.3)
            if "norm" in name and name.endswith("weight"):
                parameter += 1
            if name.endswith("logit_scale"):
                parameter += 2
    return model.eval()


def write_by_timm(folder, version, case, labels=CLASSES):
    arguments = {key: value for key, value in TIMM[case].items() if key != "both"}
    if version == 1:
        arguments.pop("pretrained_window_sizes", None)
    name = "swinv2_tiny_window8_256" if version == 2 else "swin_tiny_patch4_window7_224"
    model = randomise(timm.create_model(name, num_classes=len(CLASSES), **arguments))
    save_for_hf(model, folder, model_config=dict(label_names=labels), safe_serialization=True,
                data_config=dict(mean=tuple(MEAN), std=tuple(STD), crop_pct=0.8, interpolation="bilinear"))
    return model


def write_by_transformers(folder, version, case):
    arguments = {key: value for key, value in TRANSFORMERS[case].items() if key != "both"}
    if version == 1:
        arguments.pop("pretrained_window_sizes", None)
    config, kind = {1: (SwinConfig, SwinForImageClassification), 2: (Swinv2Config, Swinv2ForImageClassification)}[version]
    names = dict(enumerate(CLASSES))
    model = randomise(kind(config(patch_size=2, embed_dim=4, depths=[2, 1], num_heads=[1, 2], id2label=names,
                                  label2id={name: k for k, name in names.items()}, **arguments)))
    model.save_pretrained(folder)
    size = model.config.image_size
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    if rows == columns:
        processor = CLIPImageProcessor(size={"shortest_edge": int(rows / 0.8)}, crop_size={"height": rows, "width": rows},
                                       image_mean=MEAN, image_std=STD, resample=2)
    else:
        processor = ViTImageProcessor(size={"height": rows, "width": columns}, image_mean=MEAN, image_std=STD)
    processor.save_pretrained(folder)
    return model


def logits_of(model, images):
    with torch.no_grad():
        result = model.double()(images.double())
    return (result if torch.is_tensor(result) else result.logits).float()


def images_for(model):
    size = getattr(model, "config", None).image_size if hasattr(model, "config") else model.patch_embed.img_size
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return torch.randn(2, 3, rows, columns)


def run(program, *arguments):
    ran = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{program} {' '.join(map(str, arguments))}\n{ran.stderr.strip()}")


def ours(program, folder, images):
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        save_file({"images": images, "labels": torch.zeros(len(images), dtype=torch.int64)}, place / "in.safetensors")
        run(program, "trace", "--weights", folder / "model.safetensors", "--config", folder / "config.json", "--input",
            place / "in.safetensors", "--output", place / "out.safetensors")
        return load_file(place / "out.safetensors")["logits"]


def read_by_timm(folder):
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    known = model.pretrained_cfg
    return model, list(known["label_names"]), list(known["mean"]), list(known["std"]), known["crop_pct"]


def read_by_transformers(folder):
    model = AutoModelForImageClassification.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    labels = [model.config.id2label[k] for k in range(len(model.config.id2label))]
    return model, labels, list(processor.image_mean), list(processor.image_std), None


READERS = {"timm": read_by_timm, "huggingface": read_by_transformers}
failed = False


def judge(what, found, expected):
    global failed
    deviation = ((found - expected).abs().max() / expected.abs().max()).item()
    bad = not deviation <= 1e-5
    failed |= bad
    print(f"{what:68} {deviation:.1e} of {expected.abs().max().item():.1f}{'  BEYOND TOLERANCE' if bad else ''}")


def judge_known(what, labels, mean, std):
    global failed
    near = all(abs(a - b) < 1e-6 for a, b in zip(mean + std, MEAN + STD))
    if labels != CLASSES or not near:
        failed = True
        print(f"{what}: LOST: {labels}, {mean}, {std}")


def compare(program, writer, case, version, folder):
    write, cases = (write_by_timm, TIMM) if writer == "timm" else (write_by_transformers, TRANSFORMERS)
    model = write(folder / "theirs", version, case)
    images = images_for(model)
    expected = logits_of(model, images)
    name = f"{writer} V{version} {case}"
    judge(f"{name}: read", ours(program, folder / "theirs", images), expected)
    own = "timm" if writer == "timm" else "huggingface"
    both = cases[case]["both"]
    targets = [own] + [hub for hub in READERS if hub != own and both in (True, f"V{version}")]
    for hub in targets:
        run(program, "convert", folder / "theirs", folder / hub, "--to", hub)
        converted, labels, mean, std, _ = READERS[hub](folder / hub)
        judge(f"{name}: converted for {hub}, and read there", logits_of(converted, images), expected)
        judge_known(f"{name}: converted for {hub}", labels, mean, std)
        judge(f"{name}: converted for {hub}, and read here", ours(program, folder / hub, images), expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="the built swingrad")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for writer, cases in (("timm", TIMM), ("transformers", TRANSFORMERS)):
        for case in cases:
            for version in (2, 1):
                with tempfile.TemporaryDirectory() as name:
                    compare(options.program.resolve(), writer, case, version, pathlib.Path(name))
    sys.exit(failed)


if __name__ == "__main__":
    main()
