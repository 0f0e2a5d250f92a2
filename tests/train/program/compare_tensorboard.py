"""Reads the event files of a run by TensorBoard's own code and compares them with log.jsonl.

    pip install tensorboard
    python tests/train/program/compare_tensorboard.py build/swingrad

Trains a small run with --tensorboard for two epochs, raises it to three, and takes a training in a second folder back
to an earlier checkpoint: what its event files say of the steps after that must be gone.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

SMALLEST = """--data shapes --img-size 16 --patch-size 4 --embed-dim 8 --num-heads 1,2 --depths 1,1 --window-size 2
 --batch-size 400 --warmup-epochs 0.5 --tensorboard""".split()
TAGS = {
    "loss/train": "train_loss",
    "loss/validation": "validation_loss",
    "accuracy/train": "train_accuracy",
    "accuracy/validation": "validation_accuracy",
    "learning_rate": "learning_rate",
    "gradient_norm": "gradient_norm",
}


def compare(run: pathlib.Path) -> int:
    """The number of values compared."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    epochs = [line for line in lines if "epoch" in line]
    assert set(TAGS) <= set(events.Tags()["scalars"]), events.Tags()
    for tag, name in TAGS.items():
        found = [(one.step, one.value) for one in events.Scalars(tag)]
        expected = [(line["step"], line[name]) for line in epochs]
        assert [step for step, _ in found] == [step for step, _ in expected], (tag, found, expected)
        for (_, value), (_, other) in zip(found, expected):
            assert abs(value - other) <= 1e-6 * abs(other) + 1e-12, (tag, value, other)
    test = events.Scalars("accuracy/test")[-1]
    assert test.step == epochs[-1]["step"] and abs(test.value - lines[-1]["test_accuracy"]) < 1e-4, test
    return len(TAGS) * len(epochs) + 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    program = str(pathlib.Path(parser.parse_args().program).resolve())
    with tempfile.TemporaryDirectory() as folder:
        run, back = pathlib.Path(folder) / "run", pathlib.Path(folder) / "back"
        train = lambda *words: subprocess.run([program, "train", *words], check=True, capture_output=True)
        train(*SMALLEST, "--epochs", "2", "--output", str(run))
        compared = compare(run)
        train("--resume", str(run), "--epochs", "3")
        compared += compare(run)
        shutil.copytree(run, back)
        (back / "model.safetensors").unlink()
        (back / "previous.safetensors").replace(back / "last.safetensors")  # after two epochs
        train("--resume", str(back))
        compared += compare(back)
    print(f"all is well: {compared} values as TensorBoard reads them")


if __name__ == "__main__":
    main()
