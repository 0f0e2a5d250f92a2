// The window grid on the picture, and the attention of the chosen token.

// How a block cuts its map. A slot is a place in a window: window * N + place in it.
const cutsMade = [];
function cutOf(block) {
  if (cutsMade[block.cut]) return cutsMade[block.cut];
  const {map: [rows, columns], window: [high, wide], shift, ...axes} = data.cuts[block.cut];
  const across = axes.columns.length / wide, N = high * wide, slots = axes.rows.length * axes.columns.length;
  const cut = {rows, columns, high, wide, shift, across, N, paddedRows: axes.rows.length, paddedColumns: axes.columns.length,
               token: new Int32Array(slots).fill(-1), stretch: new Int32Array(slots), slot: new Int32Array(rows * columns)};
  axes.rows.forEach((row, r) => axes.columns.forEach((column, c) => {
    const slot = (Math.floor(r / high) * across + Math.floor(c / wide)) * N + r % high * wide + c % wide;
    cut.stretch[slot] = 3 * axes.row_stretches[r] + axes.column_stretches[c];
    if (row < 0 || column < 0) return;
    cut.token[slot] = row * columns + column;
    cut.slot[row * columns + column] = slot;
  }));
  return cutsMade[block.cut] = cut;
}

// A head's shares as bytes; nothing where the page has not kept them.
const sharesRead = new Map();
function headOf(block, head) {
  const kept = block.shares[head];
  if (!kept) return null;
  if (!sharesRead.has(kept)) sharesRead.set(kept, {largest: bytesOf(kept.largest), parts: bytesOf(kept.parts)});
  return sharesRead.get(kept);
}

// How much of each key of its window the token takes, by place in the window.
function sharesOf(block, head, token) {
  const kept = headOf(block, head);
  if (!kept) return null;
  const {N, slot} = cutOf(block), row = slot[token];
  const largest = (kept.largest[2 * row] + 256 * kept.largest[2 * row + 1]) / 65535;
  return Float64Array.from(kept.parts.subarray(row * N, (row + 1) * N), part => part / 255 * largest);
}

// The same where the keys lie in the map; 0 outside of the window.
function mapOfShares(block, head, token) {
  const shares = sharesOf(block, head, token), cut = cutOf(block), map = new Float64Array(cut.rows * cut.columns);
  const first = cut.slot[token] - cut.slot[token] % cut.N;
  shares?.forEach((share, key) => { if (cut.token[first + key] >= 0) map[cut.token[first + key]] = share; });
  return map;
}

// A token's rectangle in pixels of the picture. The last of a row or column may be cut off by the border.
function rectangleOf(block, token) {
  const {columns} = cutOf(block), [high, wide] = data.patch.map(size => size * 2 ** block.stage);
  const row = Math.floor(token / columns), column = token % columns;
  return {top: row * high, left: column * wide, high: Math.min(high, data.picture.rows - row * high),
          wide: Math.min(wide, data.picture.columns - column * wide)};
}

const pixelScale = () => Math.max(1, Math.round(640 / Math.max(data.picture.rows, data.picture.columns)));

// Where two neighbours on the map lie in different windows, or in parts of one that do not see each other.
function drawBorders(context, block, scale) {
  const cut = cutOf(block), apart = (a, b) => Math.floor(cut.slot[a] / cut.N) !== Math.floor(cut.slot[b] / cut.N) ||
                                              cut.stretch[cut.slot[a]] !== cut.stretch[cut.slot[b]];
  const lines = new Path2D();
  for (let token = 0; token < cut.rows * cut.columns; ++token) {
    const {top, left, high, wide} = rectangleOf(block, token);
    if (token % cut.columns && apart(token - 1, token)) {
      lines.moveTo(left * scale, top * scale);
      lines.lineTo(left * scale, (top + high) * scale);
    }
    if (token >= cut.columns && apart(token - cut.columns, token)) {
      lines.moveTo(left * scale, top * scale);
      lines.lineTo((left + wide) * scale, top * scale);
    }
  }
  outline(context, () => context.stroke(lines));
}

// Dark with a light core: seen on any picture.
function outline(context, stroke) {
  for (const [width, colour] of [[5, "#000a"], [2, "#fff"]]) {
    context.lineWidth = width;
    context.strokeStyle = colour;
    stroke();
  }
}

function drawAttention() {
  const block = data.blocks[chosen.block], cut = cutOf(block), canvas = byId("attention"), scale = pixelScale();
  canvas.width = data.picture.columns * scale;
  canvas.height = data.picture.rows * scale;
  const context = canvas.getContext("2d"), show = byId("show").value;
  context.imageSmoothingEnabled = scale < 3;
  if (show !== "attention") context.drawImage(byId("picture"), 0, 0, canvas.width, canvas.height);
  const shares = mapOfShares(block, chosen.head, chosen.token), most = largestOf(shares);
  const window = Math.floor(cut.slot[chosen.token] / cut.N);
  for (let token = 0; token < shares.length && show !== "picture"; ++token) {
    const {top, left, high, wide} = rectangleOf(block, token);
    const seen = Math.floor(cut.slot[token] / cut.N) === window && most > 0;
    const colour = seen ? ramp(shares[token] / most) : [0, 0, 0], alpha = show === "attention" ? 1 : seen ? .7 : .5;
    context.fillStyle = `rgba(${colour.join(",")},${alpha})`;
    context.fillRect(left * scale, top * scale, wide * scale, high * scale);
  }
  drawBorders(context, block, scale);
  const {top, left, high, wide} = rectangleOf(block, chosen.token);
  outline(context, () => context.strokeRect(left * scale + 2, top * scale + 2, wide * scale - 4, high * scale - 4));
  byId("attention-most").textContent = most > 0 ? percent(most) : "";
}

// The map as the block has it before it is cut: rolled by the shift, padded to whole windows.
function drawRolled() {
  const block = data.blocks[chosen.block], cut = cutOf(block), canvas = byId("rolled");
  const side = Math.max(4, Math.round(320 / Math.max(cut.paddedRows, cut.paddedColumns)));
  canvas.width = cut.paddedColumns * side;
  canvas.height = cut.paddedRows * side;
  const context = canvas.getContext("2d"), picture = byId("picture"), own = cut.slot[chosen.token];
  const unit = picture.naturalWidth / data.picture.columns || 1;  // a picture that was made smaller
  context.imageSmoothingEnabled = false;
  cut.token.forEach((token, slot) => {
    const window = Math.floor(slot / cut.N), place = slot % cut.N;
    const x = (window % cut.across * cut.wide + place % cut.wide) * side;
    const y = (Math.floor(window / cut.across) * cut.high + Math.floor(place / cut.wide)) * side;
    context.fillStyle = "#888";
    context.fillRect(x, y, side, side);
    if (token >= 0) {
      const {top, left, high, wide} = rectangleOf(block, token);
      context.drawImage(picture, left * unit, top * unit, wide * unit, high * unit, x, y, side, side);
    }
    const visible = window === Math.floor(own / cut.N) && cut.stretch[slot] === cut.stretch[own];
    if (!visible) { context.fillStyle = "#0009"; context.fillRect(x, y, side, side); }
    if (slot === own) outline(context, () => context.strokeRect(x + 1, y + 1, side - 2, side - 2));
  });
  outline(context, () => {
    for (let y = cut.high; y < cut.paddedRows; y += cut.high) line(context, 0, y * side, canvas.width, y * side);
    for (let x = cut.wide; x < cut.paddedColumns; x += cut.wide) line(context, x * side, 0, x * side, canvas.height);
  });
  const shifted = cut.shift.some(by => by > 0), padded = cut.token.includes(-1);
  byId("rolled-text").textContent = `How block ${chosen.block + 1} cuts its map of ${cut.rows} x ${cut.columns} tokens: ` +
      (shifted ? `rolled by ${cut.shift[0]} rows and ${cut.shift[1]} columns, then ` : "not shifted, ") +
      `cut into windows of ${cut.high} x ${cut.wide}.` + (padded ? " Grey is padding." : "") +
      " What is dark the token does not see" +
      (shifted ? ": other windows, and in its own what has come from another side of the picture." : ": other windows.");
}

function line(context, ...[x, y, toX, toY]) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(toX, toY);
  context.stroke();
}

// The same in words and numbers.
function tellAttention() {
  const block = data.blocks[chosen.block], cut = cutOf(block), table = byId("shares");
  const place = token => `row ${Math.floor(token / cut.columns)}, column ${token % cut.columns}`;
  const about = `Block ${chosen.block + 1} (${block.name}), head ${chosen.head + 1}, token at ${place(chosen.token)}: `;
  const shares = sharesOf(block, chosen.head, chosen.token);
  byId("attention").setAttribute("aria-label", "The picture with the borders of windows and the attention of one token");
  table.replaceChildren();
  if (!shares) {
    byId("attention-text").textContent = about + "its attention is left out of this page.";
    return;
  }
  const first = cut.slot[chosen.token] - cut.slot[chosen.token] % cut.N, keys = [...shares.keys()];
  const name = key => cut.token[first + key] < 0 ? "padding" : place(cut.token[first + key]);
  const best = keys.sort((a, b) => shares[b] - shares[a] || a - b).slice(0, 3);
  byId("attention-text").textContent = about + best.map(key => `${percent(shares[key])} of ${name(key)}`).join("; ") +
      ". " + percent(1 / cut.N) + " each, were all keys alike.";
  for (let row = 0; row < cut.high; ++row) {
    const cells = table.appendChild(element("tr"));
    for (let key = row * cut.wide; key < (row + 1) * cut.wide; ++key) {
      const cell = cells.appendChild(element("td", {title: name(key)}, percent(shares[key])));
      cell.dataset.token = cut.token[first + key];
      cell.dataset.share = shares[key];
      cell.classList.toggle("own", cut.token[first + key] === chosen.token);
    }
  }
}

function drawAllHeads() {
  const [row, column] = [Math.floor(chosen.token / cutOf(data.blocks[chosen.block]).columns),
                         chosen.token % cutOf(data.blocks[chosen.block]).columns];
  const here = cutOf(data.blocks[chosen.block]);
  byId("all-heads").replaceChildren(...data.blocks.map((block, number) => {
    const cut = cutOf(block), token = Math.floor((row + .5) / here.rows * cut.rows) * cut.columns +
                                      Math.floor((column + .5) / here.columns * cut.columns);
    const heads = block.shares.map((_, head) => {
      const map = mapOfShares(block, head, token), button = element("button", {
        type: "button", onclick: () => changeTo({block: number, head}),
        "aria-label": `block ${number + 1}, head ${head + 1}`,
        "aria-pressed": String(number === chosen.block && head === chosen.head)});
      button.append(drawNumbers(element("canvas"), cut.rows, cut.columns, map, 0, largestOf(map)));
      return button;
    });
    const missing = block.heads - block.shares.length;
    return element("div", {className: "heads"},
                   element("span", {}, `Block ${number + 1}${cut.shift.some(by => by > 0) ? ", shifted" : ""}`),
                   element("div", {}, ...heads, ...(missing ? [element("small", {}, `${missing} left out`)] : [])));
  }));
}

function chooseByPointer(event) {
  const canvas = byId("attention"), box = canvas.getBoundingClientRect(), block = data.blocks[chosen.block];
  const x = (event.clientX - box.left) / box.width * data.picture.columns;
  const y = (event.clientY - box.top) / box.height * data.picture.rows;
  const {rows, columns} = cutOf(block), [high, wide] = data.patch.map(size => size * 2 ** block.stage);
  changeTo({token: Math.min(Math.floor(y / high), rows - 1) * columns + Math.min(Math.floor(x / wide), columns - 1)});
}

function chooseByKey(event) {
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
  if (!step) return;
  event.preventDefault();
  const {rows, columns} = cutOf(data.blocks[chosen.block]);
  const row = Math.floor(chosen.token / columns) + step[0], column = chosen.token % columns + step[1];
  if (row >= 0 && row < rows && column >= 0 && column < columns) changeTo({token: row * columns + column});
}

function startAttention() {
  data.blocks.forEach((block, number) => byId("block").append(element("option", {value: number},
      `${number + 1}: ${block.name}${cutOf(block).shift.some(by => by > 0) ? ", shifted" : ""}`)));
  byId("block").onchange = event => changeTo({block: Number(event.target.value)});
  byId("head").onchange = event => changeTo({head: Number(event.target.value)});
  byId("show").onchange = drawAttention;
  byId("attention").onclick = chooseByPointer;
  byId("attention").onkeydown = chooseByKey;
  watch(["block", "head"], () => {
    byId("block").value = chosen.block;
    byId("head").replaceChildren(...Array.from({length: data.blocks[chosen.block].heads},
        (_, head) => element("option", {value: head, selected: head === chosen.head}, String(head + 1))));
  });
  watch(["block", "head", "token"], () => { tellAttention(); drawAttention(); drawRolled(); drawAllHeads(); });
}
