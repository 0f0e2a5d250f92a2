"""What timm's Swin Transformers compute, by name: shared by make_swin_fixtures.py and compare_with_timm.py.

The names are those `swingrad trace` writes: logits, loss, the output of every layer (channel-last) and the gradient of
the mean cross entropy for every parameter (grad.<name>) and for the images (grad.images).
"""

import math

import numpy
import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.swin_transformer_v2 import SwinTransformerV2

ARCHITECTURES = {"swin": SwinTransformer, "swinv2": SwinTransformerV2}


def uniform(k, count):
    """count numbers in [-0.5, 0.5) that need no file: a 32-bit hash of (k + 1) 1000003 + i. float64."""
    x = (numpy.uint64((k + 1) * 1000003) + numpy.arange(count, dtype=numpy.uint64)) & numpy.uint64(0xFFFFFFFF)
    x ^= x >> numpy.uint64(16)
    x = (x * numpy.uint64(0x7FEB352D)) & numpy.uint64(0xFFFFFFFF)
    x ^= x >> numpy.uint64(15)
    x = (x * numpy.uint64(0x846CA68B)) & numpy.uint64(0xFFFFFFFF)
    x ^= x >> numpy.uint64(16)
    return x.astype(numpy.float64) / 2**32 - 0.5


def generated_weights(model):
    """A value for every parameter, float32: norm gains around 1 (at timm's initial 0 blocks are the identity and most
    of their gradients 0), logit scales around 2, everything else around 0."""
    weights = {}
    for k, (name, like) in enumerate(model.state_dict().items()):
        u = uniform(k, like.numel())
        if "norm" in name and name.endswith("weight"):
            value = 1 + 0.4 * u
        elif "logit_scale" in name:
            value = 2 + 4 * u
        elif "cpb_mlp" in name:
            value = u
        else:
            value = 0.5 * u
        weights[name] = torch.from_numpy(value.astype(numpy.float32)).reshape(like.shape)
    return weights


def generated_images(shape):
    return torch.from_numpy((2 * uniform(1000, math.prod(shape))).astype(numpy.float32)).reshape(shape)


def build(architecture, model_args, num_classes):
    def tuples(value):  # timm tells one (rows, columns) from one size a stage by type: lists come from JSON
        return tuple(tuples(v) for v in value) if isinstance(value, (list, tuple)) else value

    arguments = {key: tuples(value) for key, value in model_args.items()}
    absolute = arguments.pop("position_embedding", "none") == "absolute"
    model = ARCHITECTURES[architecture](num_classes=num_classes, **arguments).eval()
    if absolute:  # timm's Swin has none: reference() adds them by hand
        model.absolute_pos_embed = torch.nn.Parameter(torch.zeros(1, *model.patch_embed.grid_size, arguments["embed_dim"]))
    return model


def reference(architecture, model_args, num_classes, weights, images, labels, dtype):
    """Name -> tensor. timm makes the coordinates of the position bias in float32 whatever the dtype; .double() widens."""
    model = build(architecture, model_args, num_classes)
    model.load_state_dict(weights)
    model = model.to(dtype)
    results = {}

    def observe(name):
        def hook(_module, _inputs, output):
            results["output." + name] = output.detach().clone()
        return hook

    model.patch_embed.register_forward_hook(observe("patch_embed"))
    if hasattr(model, "absolute_pos_embed"):
        model.patch_embed.register_forward_hook(lambda _module, _inputs, output: output + model.absolute_pos_embed)
        model.patch_embed.register_forward_hook(observe("absolute_pos_embed"))
    for i, stage in enumerate(model.layers):
        stage.register_forward_hook(observe(f"layers.{i}"))
        if i > 0:
            stage.downsample.register_forward_hook(observe(f"layers.{i}.downsample"))
        for j, block in enumerate(stage.blocks):
            block.register_forward_hook(observe(f"layers.{i}.blocks.{j}"))
    model.norm.register_forward_hook(observe("norm"))

    images = images.to(dtype).requires_grad_()
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    results["logits"] = logits.detach()
    results["loss"] = loss.detach()
    for name, parameter in model.named_parameters():
        results["grad." + name] = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    results["grad.images"] = images.grad
    return results


def deviations(ours, theirs):
    """Name -> the largest difference, in units of the tensor's largest element. That unit is at least 1 for values, and
    for gradients a hundredth of the largest gradient of all: some are 0 but for rounding."""
    floor = 0.01 * max(float(value.abs().max()) for name, value in theirs.items() if name.startswith("grad."))
    found = {}
    for name, value in theirs.items():
        unit = max(value.abs().max().item(), floor if name.startswith("grad.") else 1.0)
        found[name] = (ours[name].double() - value.double()).abs().max().item() / unit
    return found


def worst(found):
    """The largest deviation of each kind, with the name it belongs to."""
    kinds = {"logits": [], "output": [], "gradient": []}
    for name, deviation in found.items():
        kind = "gradient" if name.startswith("grad.") else "output" if name.startswith("output.") else "logits"
        kinds[kind].append((deviation, name))
    return {kind: max(entries) for kind, entries in kinds.items()}
