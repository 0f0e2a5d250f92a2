// The page's data, what is chosen, and what all parts of the page share.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);

// A new element; children are elements or texts.
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties))
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// ---- what is chosen

const chosen = {block: 0, head: 0, token: 0, map: 0, step: 0};
const watchers = [];

// Calls `draw` once the page is there, and whenever one of these has changed.
function watch(names, draw) { watchers.push({names, draw}); }

function changeTo(changes) {
  const before = {...chosen};
  Object.assign(chosen, changes);
  makeValid(before, changes);
  const changed = Object.keys(chosen).filter(name => chosen[name] !== before[name]);
  for (const {names, draw} of watchers) if (names.some(name => changed.includes(name))) draw();
  if (changed.length) keepInAddress();
}

// Another block has other heads, and may have a coarser map: the token becomes the one at the same place.
function makeValid(before, changes) {
  const within = (value, count) => Math.min(Math.max(Math.trunc(value) || 0, 0), Math.max(count - 1, 0));
  chosen.block = within(chosen.block, data.blocks.length);
  const block = data.blocks[chosen.block];
  chosen.head = within(chosen.head, block.heads);
  const [rows, columns] = data.cuts[block.cut].map;
  if (chosen.block !== before.block && !("token" in changes)) {
    const [rowsBefore, columnsBefore] = data.cuts[data.blocks[before.block].cut].map;
    const row = Math.floor((Math.floor(before.token / columnsBefore) + .5) / rowsBefore * rows);
    chosen.token = row * columns + Math.floor((before.token % columnsBefore + .5) / columnsBefore * columns);
  }
  chosen.token = within(chosen.token, rows * columns);
  chosen.map = within(chosen.map, data.maps.length);
  chosen.step = within(chosen.step, data.tape.length + 1);
}

// What is chosen stands in the address, so that a link shows the same.
function keepInAddress() {
  const text = "#" + Object.entries(chosen).map(([name, value]) => `${name}=${value}`).join("&");
  try { history.replaceState(null, "", text); } catch { /* where a file may not: nothing is lost but the link */ }
}

function chosenInAddress() {
  const changes = {};
  for (const [name, value] of new URLSearchParams(location.hash.slice(1)))
    if (name in chosen) changes[name] = Number(value);
  return changes;
}

// ---- numbers

function bytesOf(base64) { return Uint8Array.from(atob(base64), character => character.charCodeAt(0)); }

// Of a picture kept as bytes: its numbers.
function valuesOf({least, most, bytes}) {
  return Float64Array.from(bytesOf(bytes), byte => least + byte / 255 * (most - least));
}

function short(value) {
  if (value === null) return "no number";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}
const percent = share => (100 * share).toFixed(1) + " %";
const grouped = count => count.toLocaleString("en-US");
const shapeText = shape => shape.length ? `[${shape.join(", ")}]` : "a number";

function countText(count) {
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]])
    if (count >= size) return (count / size).toPrecision(3) + " " + unit;
  return count + " ";
}

const largestOf = values => values.reduce((most, value) => Math.max(most, value), 0);

// ---- colours

const rampColours = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

// From dark violet at 0 by green to yellow at 1: lighter is more, also where colours look alike.
function ramp(part) {
  const at = Math.min(Math.max(part, 0), 1) * (rampColours.length - 1);
  const low = Math.min(Math.floor(at), rampColours.length - 2);
  return rampColours[low].map((value, i) => Math.round(value + (at - low) * (rampColours[low + 1][i] - value)));
}

// A pixel a number.
function drawNumbers(canvas, rows, columns, values, least, most) {
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  const part = value => most > least ? (value - least) / (most - least) : 0;
  values.forEach((value, i) => image.data.set([...ramp(part(value)), 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// A named bar as long as `part` of the row, which calls `choose` where that is given.
function barRow(name, part, text, choose) {
  const label = choose ? element("button", {type: "button", onclick: choose}, name) : element("span", {}, name);
  const bar = element("span", {className: "bar"}, element("span", {style: `width: ${100 * Math.max(part, 0)}%`}));
  return element("div", {className: "row"}, label, bar, element("span", {className: "value"}, text));
}
