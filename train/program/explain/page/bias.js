// Each head's position bias: as heat maps, and the chosen one as a surface.

let turned = 30;  // degrees, of the surface

// Numbers by where the key lies, seen from the query: the data has them by query less key.
function biasOf(block, head) { return valuesOf(block.bias.pictures[head]).reverse(); }

// Seen from above at a slant, the far quads first.
function drawSurface(canvas, rows, columns, values, least, most) {
  canvas.width = 640;
  canvas.height = 440;
  const context = canvas.getContext("2d"), angle = turned / 180 * Math.PI, cos = Math.cos(angle), sin = Math.sin(angle);
  const size = Math.max(rows, columns) - 1 || 1, height = most > least ? 1 / (most - least) : 0;
  const point = (row, column) => {
    const x = (column - (columns - 1) / 2) / size, y = (row - (rows - 1) / 2) / size;
    const far = x * sin + y * cos, value = (values[row * columns + column] - least) * height;
    return {far, value, at: [320 + 420 * (x * cos - y * sin), 285 + 200 * far - 180 * value]};
  };
  const quads = [];
  for (let row = 0; row + 1 < rows; ++row)
    for (let column = 0; column + 1 < columns; ++column)
      quads.push([point(row, column), point(row, column + 1), point(row + 1, column + 1), point(row + 1, column)]);
  const mean = (quad, what) => quad.reduce((sum, corner) => sum + corner[what], 0) / 4;
  quads.sort((a, b) => mean(a, "far") - mean(b, "far"));
  for (const quad of quads) {
    context.beginPath();
    quad.forEach(({at}, i) => i ? context.lineTo(...at) : context.moveTo(...at));
    context.closePath();
    context.fillStyle = `rgb(${ramp(mean(quad, "value")).join(",")})`;
    context.fill();
    context.strokeStyle = "#0006";
    context.stroke();
  }
}

// The query in the middle.
function markMiddle(canvas) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#f33";
  context.fillRect((canvas.width - 1) / 2, (canvas.height - 1) / 2, 1, 1);
}

function tauText(block, head) { return block.tau.length ? `, tau ${short(block.tau[head])}` : ""; }

function drawBias() {
  const block = data.blocks[chosen.block], section = byId("bias");
  if (!block.bias) {
    section.replaceChildren(element("p", {}, "This model has no position bias." +
        (block.tau.length ? " tau of each head: " + block.tau.map(short).join(", ") + "." : "")));
    return;
  }
  const {rows, columns, pictures} = block.bias, {least, most} = pictures[chosen.head];
  const values = biasOf(block, chosen.head);
  const surface = element("canvas", {role: "img", "aria-label": "The bias as a surface"});
  const large = drawNumbers(element("canvas", {className: "pixels", role: "img", "aria-label": "The bias as a map"}),
                            rows, columns, values, least, most);
  markMiddle(large);
  const turn = element("input", {type: "range", min: -180, max: 180, value: turned, oninput: event => {
    turned = Number(event.target.value);
    drawSurface(surface, rows, columns, values, least, most);
  }});
  drawSurface(surface, rows, columns, values, least, most);
  const text = `Block ${chosen.block + 1}, head ${chosen.head + 1}: from ${short(least)} to ${short(most)}` +
               `${tauText(block, chosen.head)}. Red is the query; keys lie up to ${(rows - 1) / 2} rows and ` +
               `${(columns - 1) / 2} columns away.`;
  section.replaceChildren(
      element("div", {className: "pair"}, element("figure", {}, large, element("figcaption", {}, text)),
              element("figure", {}, surface, element("label", {}, "Turn ", turn))),
      element("h3", {}, `All heads of block ${chosen.block + 1}`),
      element("div", {className: "thumbs"}, ...pictures.map((picture, head) => {
        const canvas = drawNumbers(element("canvas", {className: "pixels"}), rows, columns, biasOf(block, head),
                                   picture.least, picture.most);
        return element("button", {type: "button", onclick: () => changeTo({head}),
                                  "aria-pressed": String(head === chosen.head)},
                       canvas, element("small", {}, `head ${head + 1}: ${short(picture.least)} to ${short(picture.most)}` +
                                                    tauText(block, head)));
      })));
}

function startBias() { watch(["block", "head"], drawBias); }
