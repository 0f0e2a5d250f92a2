#!/usr/bin/env python3
"""The page of `swingrad explain` in headless Chromium: clicks, taps of keys and steps, and what is then shown against the
page's own data, which test_explain.cpp holds against the model.
usage: explain_in_browser.py PROGRAM BROWSER"""

import base64
import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

program = pathlib.Path(sys.argv[1]).resolve()
images = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "images"
browser = sys.argv[2]

# Runs in the page before its own scripts, and posts what it has seen as JSON to the page around it.
watcher = """<script>
const errors = [], requests = [];
addEventListener("error", event => errors.push(String(event.message)));
addEventListener("unhandledrejection", event => errors.push(String(event.reason)));
const seen = {errors, requests};
const shown = () => ({
  hash: location.hash, text: document.getElementById("attention-text").textContent,
  cells: [...document.querySelectorAll("#shares td")].map(({dataset, textContent}) =>
      [Number(dataset.token), Number(dataset.share), textContent])});
const press = key => document.getElementById("attention").dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const click = (row, column, rows, columns) => {  // the middle of a token
  const canvas = document.getElementById("attention"), box = canvas.getBoundingClientRect();
  canvas.dispatchEvent(new MouseEvent("click", {bubbles: true, clientX: box.left + (column + .5) / columns * box.width,
                                                clientY: box.top + (row + .5) / rows * box.height}));
};
const choose = (id, value) => {
  const select = document.getElementById(id);
  select.value = value;
  select.dispatchEvent(new Event("change"));
};
addEventListener("load", async () => {
  while (!document.documentElement.dataset.ready) await new Promise(resolve => setTimeout(resolve, 5));
  seen.first = shown();
  choose("block", 1);
  choose("head", 1);
  click(3, 5, 8, 8);
  seen.clicked = shown();
  choose("show", "attention");
  const canvas = document.getElementById("attention"), context = canvas.getContext("2d");
  seen.colours = Array.from({length: 64}, (_, token) => [...context.getImageData(
      Math.floor((token % 8 + .5) / 8 * canvas.width), Math.floor((Math.floor(token / 8) + .5) / 8 * canvas.height), 1,
      1).data]);
  press("ArrowDown");
  press("ArrowRight");
  seen.pressed = shown();
  choose("block", 2);
  seen.coarser = shown();
  document.querySelectorAll("#all-heads button")[0].click();
  seen.other_head = shown();
  seen.layers = document.querySelectorAll("#layers > details").length;
  seen.codes = [...document.querySelectorAll("#layers .code li")].map(item => item.textContent);
  seen.steps = [];
  for (const id of ["back", "back-part", "back-part", "back-part", "forth", "to-end"]) {
    document.getElementById(id).click();
    seen.steps.push([Number(document.getElementById("step").value), document.querySelectorAll("#tape .node.passed").length,
                     document.getElementById("tape-text").textContent]);
  }
  seen.image_gradient = !document.getElementById("image-gradient").hidden;
  seen.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  seen.width = innerWidth;
  seen.dark = matchMedia("(prefers-color-scheme: dark)").matches;
  seen.requests = performance.getEntriesByType("resource").map(one => one.name).filter(name => !name.startsWith("data:"));
  parent.postMessage(JSON.stringify(seen), "*");
});
</script>"""

# A frame of the width asked for, as a window of the browser cannot be that narrow; and what the watcher in it posts.
around = """<!DOCTYPE html><body><script>
addEventListener("message", event => document.body.append(
    Object.assign(document.createElement("pre"), {id: "seen", textContent: event.data})));
</script><iframe src="watched.html" style="border: 0; width: %dpx; height: 900px"></iframe>"""


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}: {done.stderr[-600:]}")
    return done.stdout


def look(page, folder, width, *flags):
    """What the watcher sees of a page so many pixels wide."""
    (folder / "watched.html").write_text(page.replace("<head>", "<head>" + watcher, 1))
    (folder / "around.html").write_text(around % width)
    shown = run(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
                "--virtual-time-budget=20000", "--window-size=1400,1000", *flags, "--dump-dom",
                (folder / "around.html").as_uri(), cwd=folder)
    found = re.search(r'<pre id="seen">(.*?)</pre>', shown, re.DOTALL)
    assert found, "the page did not come to its end: " + shown[-400:]
    seen = json.loads(html.unescape(found[1]))
    assert seen["errors"] == [], seen["errors"]
    assert seen["requests"] == [], f"the page asks for {seen['requests']}"
    return seen


def shares_of(data, block, head, token):
    """By token of the map: what the page's data say."""
    one = data["blocks"][block]
    cut = data["cuts"][one["cut"]]
    (rows, columns), (high, wide) = cut["map"], cut["window"]
    across = len(cut["columns"]) // wide
    tokens = {}
    for r, row in enumerate(cut["rows"]):
        for c, column in enumerate(cut["columns"]):
            slot = (r // high * across + c // wide) * high * wide + r % high * wide + c % wide
            tokens[slot] = row * columns + column if row >= 0 and column >= 0 else -1
    slot = next(slot for slot, at in tokens.items() if at == token)
    largest = base64.b64decode(one["shares"][head]["largest"])
    parts = base64.b64decode(one["shares"][head]["parts"])
    N = high * wide
    most = int.from_bytes(largest[2 * slot:2 * slot + 2], "little") / 65535
    return {tokens[slot // N * N + key]: parts[slot * N + key] / 255 * most for key in range(N)}


def is_shown(shown, data, block, head, token):
    expected = shares_of(data, block, head, token)
    assert f"block={block}&head={head}&token={token}&" in shown["hash"], shown["hash"]
    assert {at for at, _, _ in shown["cells"]} == set(expected), (shown["cells"], expected)
    for at, share, text in shown["cells"]:
        assert abs(share - expected[at]) < 1e-9 and text == f"{100 * share:.1f} %", (at, share, text, expected[at])
    assert abs(sum(expected.values()) - 1) < 0.02
    best = max(expected.values())
    columns = data["cuts"][data["blocks"][block]["cut"]]["map"][1]
    assert f"Block {block + 1} " in shown["text"] and f"head {head + 1}" in shown["text"], shown["text"]
    assert f"token at row {token // columns}, column {token % columns}: {100 * best:.1f} % of" in shown["text"], shown["text"]


def ramp(part):
    colours = [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)]
    at = part * (len(colours) - 1)
    low = min(int(at), len(colours) - 2)
    return [a + (at - low) * (b - a) for a, b in zip(colours[low], colours[low + 1])]


def check(data, seen):
    assert seen["first"]["hash"] == ""  # nothing is chosen yet: the middle
    is_shown(seen["first"] | {"hash": "block=0&head=0&token=36&"}, data, 0, 0, 4 * 8 + 4)
    is_shown(seen["clicked"], data, 1, 1, 3 * 8 + 5)
    shares = shares_of(data, 1, 1, 3 * 8 + 5)
    most = max(shares.values())
    for token, colour in enumerate(seen["colours"]):
        if token == 3 * 8 + 5:
            continue  # its outline
        expected = ramp(shares[token] / most) if token in shares else (0, 0, 0)
        assert all(abs(a - b) <= 1 for a, b in zip(colour, expected)), (token, colour, expected)
    is_shown(seen["pressed"], data, 1, 1, 4 * 8 + 6)
    is_shown(seen["coarser"], data, 2, 1, 2 * 4 + 3)  # the same place on a map of half the size
    is_shown(seen["other_head"], data, 0, 0, (2 * 2 + 1) * 8 + 3 * 2 + 1)
    assert seen["layers"] == 3 + 5, seen["layers"]  # blocks; patches, merging, norm, classifier, loss
    top = pathlib.Path(__file__).resolve().parents[3]
    assert len(seen["codes"]) > 20 and all((top / path).is_file() for path in seen["codes"])
    tape = data["tape"]
    for step, passed, text in seen["steps"]:
        assert step == passed and f"{step} of {len(tape)} passed." in text, (step, passed, text)
        assert f"#{tape[-step]['number']} {tape[-step]['name']}:" in text, text
    expected = [1]
    for _ in range(3):  # each through all operations of one part of the model
        step = expected[-1] + 1
        while tape[-step - 1]["scope"] == tape[-step]["scope"]:
            step += 1
        expected.append(step)
    assert expected[-1] > 6
    expected += [expected[-1] - 1, len(tape)]
    assert [step for step, _, _ in seen["steps"]] == expected, (seen["steps"], expected)
    assert seen["image_gradient"]


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    run(program, "train", "--data", "shapes", "--img-size", "32", "--patch-size", "4", "--embed-dim", "16", "--depths", "2,1",
        "--num-heads", "2,4", "--window-size", "4", "--epochs", "1", "--batch-size", "400", "--output", "run", cwd=folder)
    run(program, "explain", "--checkpoint", "run", images / "colour.jpg", "--output", "page.html", cwd=folder)
    page = (folder / "page.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    dark = "--blink-settings=preferredColorScheme=0"
    for width, flags in [(1280, []), (360, []), (1280, [dark]), (360, [dark])]:
        seen = look(page, folder, width, *flags)
        check(data, seen)
        assert seen["width"] == width and seen["dark"] == (flags == [dark]), (seen["width"], seen["dark"])
        assert seen["wider"] <= 0, f"at {seen['width']} pixels the page is {seen['wider']} wider than the window"
        print(f"{seen['width']} pixels, {'dark' if seen['dark'] else 'light'}: as the data say")
