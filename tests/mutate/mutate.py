#!/usr/bin/env python3
"""Makes one line of the sources wrong at a time and looks whether a test notices.

    tests/mutate/mutate.py ops/norm/layer_norm.cpp                     twelve mutants of one file
    tests/mutate/mutate.py --seed 7 --count 100 'cuda/norm/*.cu'       other ones, of several files
    tests/mutate/mutate.py --tests '*kernel*' --checker cuda/toolkit/sums_device.h

For each mutant its file is changed, the build brought up to date, and the tests run that are about the file: those of
tests/<folder>/test_<name>.cpp, the gradient checks where it is an operation or a kernel, and what --tests names. Then
the file is put back. (Only files without changes that git does not have are taken: should this be killed, git checkout
restores them.) A test that fails, crashes or does not end has noticed the mutant. Survivors are listed last, and the
exit code is 1 if there are any. Some change nothing that could be seen (a bound that no number reaches); every other
one is a test that is missing.

The same seed gives the same mutants, as long as the files are the same.
"""
import argparse
import fnmatch
import os
import random
import subprocess
import sys
from pathlib import Path

from lines import mutants_of, sample

TOP = Path(__file__).resolve().parents[2]
GRADIENTS = "every operation's gradient agrees*"


class Build:
    """A folder that cmake has configured, and the tests in it."""

    def __init__(self, folder, checker):
        self.build, self.checker = folder, checker

    def make(self):
        """What the compiler says; "" where all is well."""
        targets = ["swingrad_tests"] + (["checked"] if self.checker else [])
        done = subprocess.run(["ninja", "-C", self.build, *targets], capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout[-2000:]

    def failure(self, specification, seconds):
        """What the tests that a specification of Catch2's names say of a failure; "" where they pass."""
        environments = [{}] + ([{"LD_LIBRARY_PATH": str(self.build / "checked")}] if self.checker else [])
        for more in environments:
            command = [self.build / "tests/swingrad_tests", "--filenames-as-tags", "--abort", specification]
            try:
                done = subprocess.run(command, env=dict(os.environ, **more), capture_output=True, text=True,
                                      errors="replace", timeout=seconds)
            except subprocess.TimeoutExpired:
                return f"no end within {seconds} s"
            if done.returncode != 0:
                telling = [line for line in (done.stdout + done.stderr).split("\n")
                           if "FAILED" in line or "[cuda]" in line or "[test]" in line]
                return telling[0] if telling else f"exit code {done.returncode}"
        return ""


def tests_about(path):
    """Tags of the test files of a source: those of its name, else all of its folder. What kernels share is in none."""
    folder = Path(*Path(path).parts[1:]).parent if not path.startswith(("train", "core")) else Path(path).parent
    name = Path(path).stem
    for ending in ("_fast", "_backward_fast", "_backward", "_device", "_token", "_row"):
        name = name.removesuffix(ending)
    # Kernels of optimisers are tested beside the optimisers.
    beside = sorted((TOP / "tests" / folder).glob("test_*.cpp")) or sorted((TOP / "tests/train" / folder).glob("test_*.cpp"))
    own = [file for file in beside if file.stem == f"test_{name}"]
    tags = ",".join(f"[#{file.stem}]" for file in own or beside)
    return tags or ("*kernels agree*,*kernels of*" if path.startswith("cuda/") else "")


def chosen_files(patterns):
    tracked = subprocess.run(["git", "ls-files", "core", "cuda", "autograd", "ops", "models", "train"], cwd=TOP,
                             check=True, capture_output=True, text=True).stdout.split()
    files = [file for file in tracked if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)]
    for pattern in patterns:
        if not fnmatch.filter(tracked, pattern):
            sys.exit(f"mutate: no source is called {pattern}")
    files = [file for file in files if file.endswith((".cpp", ".h", ".cu"))]
    if subprocess.run(["git", "diff", "--quiet", "HEAD", "--", *files], cwd=TOP).returncode != 0:
        sys.exit("mutate: commit what is changed in these files first")
    return files


def try_one(build, mutant, text, tests, seconds):
    """"noticed", "survived" or "not compiled", and why."""
    lines = text.split("\n")
    lines[mutant.number - 1] = mutant.after
    file = TOP / mutant.path
    file.write_text("\n".join(lines))
    try:
        if error := build.make():
            return "not compiled", error.strip().split("\n")[-1]
        for specification in tests:
            if failure := build.failure(specification, seconds):
                return "noticed", failure.strip()[:150]
        return "survived", ""
    finally:
        file.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE", help="of the sources, from the top; may be a pattern")
    parser.add_argument("--seed", type=int, default=1, help="which mutants (default 1)")
    parser.add_argument("--count", type=int, default=12, help="how many (default 12)")
    parser.add_argument("--tests", action="append", default=[], help="more tests to run: names as Catch2 takes them")
    parser.add_argument("--checker", action="store_true", help="run the tests under the access checker too")
    parser.add_argument("--seconds", type=int, default=600, help="that tests may take (default 600)")
    parser.add_argument("--list", action="store_true", help="list the mutants and build nothing")
    parser.add_argument("--build", type=Path, default=TOP / "build", help="folder that is built (default build)")
    options = parser.parse_args()

    texts = {file: (TOP / file).read_text() for file in chosen_files(options.files)}
    all_mutants = [mutant for file, text in texts.items() for mutant in mutants_of(file, text)]
    mutants = sample(all_mutants, options.count, random.Random(options.seed))
    print(f"{len(mutants)} of {len(all_mutants)} mutants of {len(texts)} files")
    if options.list:
        print("\n".join(map(str, mutants)))
        return 0

    build = Build(options.build, options.checker)
    if error := build.make():
        sys.exit(f"mutate: the sources do not build:\n{error}")
    survivors, sound = [], set()
    for mutant in mutants:
        is_operation = mutant.path.startswith(("ops/", "cuda/"))
        tests = [tests_about(mutant.path), *options.tests, *([GRADIENTS] if is_operation else [])]
        tests = [test for test in tests if test]
        if not sound.issuperset(tests):
            build.make()  # of the sources as they are, without the mutant before
        for test in set(tests) - sound:  # one that fails anyway would notice every mutant
            if failure := build.failure(test, options.seconds):
                sys.exit(f"mutate: {test} fails where nothing is changed: {failure.strip()[:150]}")
            sound.add(test)
        outcome, why = try_one(build, mutant, texts[mutant.path], tests, options.seconds)
        print(f"{outcome:12s} {mutant}" + (f"  ({why})" if why else ""), flush=True)
        if outcome == "survived":
            survivors.append(mutant)
    build.make()  # of the sources as they are
    print(f"{len(survivors)} survived" + "".join(f"\n  {mutant}" for mutant in survivors))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
