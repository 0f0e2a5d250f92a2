// The tape: operations in the order in which they were recorded, and gradients as they arrive, a step at a time.

const rowHeight = 56, gutter = 44;  // pixels

// After `step` steps, the operation that was passed last; the tape's length where there was none.
const passedLast = step => data.tape.length - step;

// An input's name without the part of the model it is in.
function leafName(leaf, scope) { return scope && leaf.startsWith(scope + ".") ? leaf.slice(scope.length + 1) : leaf; }

// What an operation has handed on: to other operations by number, to parameters by name.
function handedText({inputs, scope}) {
  const texts = inputs.filter(input => !("constant" in input)).map(input =>
      `${"node" in input ? "#" + input.node : leafName(input.leaf, scope)} ${short(input.passed)}`);
  return texts.length ? "gives " + texts.join(", ") : "gives nothing on";
}

// Lines from results to the operations that use them: straight to the next, in an arc to one further on.
function drawEdges(svg) {
  const middle = number => (number + .5) * rowHeight;
  data.tape.forEach(({number, inputs}) => inputs.forEach(input => {
    if (!("node" in input)) return;
    const x = gutter - 8, far = x - Math.min((number - input.node) * 5, x - 6), from = middle(input.node);
    const to = middle(number), bend = rowHeight / 2;
    const path = document.createElementNS(svg.namespaceURI, "path");
    path.setAttribute("d", number === input.node + 1
        ? `M${x} ${from}V${to}` : `M${x} ${from}C${far} ${from + bend} ${far} ${to - bend} ${x} ${to}`);
    path.dataset.from = number;
    svg.append(path);
  }));
  data.tape.forEach(({number}) => {
    const dot = document.createElementNS(svg.namespaceURI, "circle");
    for (const [name, value] of Object.entries({cx: gutter - 8, cy: middle(number), r: 5})) dot.setAttribute(name, value);
    dot.dataset.number = number;
    svg.append(dot);
  });
}

function tapeRow(node) {
  const canvas = element("canvas", {className: "pixels"});
  if (node.map) drawNumbers(canvas, node.map.rows, node.map.columns, valuesOf(node.map), 0, node.map.most);
  else canvas.width = canvas.height = 1;
  const row = element("div", {className: "node"},
      element("div", {className: "what"}, element("b", {}, `#${node.number} ${node.name}`),
              element("span", {}, ` ${shapeText(node.shape)} ${node.scope}`)),
      element("div", {className: "got"}, canvas,
              element("span", {}, "gradient ", element("b", {}, short(node.gradient)),
                      element("span", {className: "gives"}, "; " + handedText(node)))));
  row.style.height = rowHeight + "px";
  row.dataset.number = node.number;
  return row;
}

function drawTape() {
  const last = passedLast(chosen.step), frame = byId("tape"), node = data.tape[last];
  byId("step").value = chosen.step;
  frame.querySelectorAll("[data-number]").forEach(one => {
    one.classList.toggle("passed", Number(one.dataset.number) >= last);
    one.classList.toggle("last", Number(one.dataset.number) === last);
  });
  frame.querySelectorAll("path").forEach(path => path.classList.toggle("passed", Number(path.dataset.from) >= last));
  frame.scrollTop = Math.max(0, (Math.min(last, data.tape.length - 1) + .5) * rowHeight - frame.clientHeight / 2);
  byId("tape-text").textContent = node
      ? `${chosen.step} of ${data.tape.length} passed. #${node.number} ${node.name}: a gradient with a root mean square of ` +
        `${short(node.gradient)} has arrived; it ${handedText(node)}.`
      : `Nothing is passed yet: the loss is ${short(data.loss)}, and its own gradient is 1.`;
  byId("image-gradient").hidden = last > 0;
}

// Back to the end of the part of the model that comes before this one.
function backThroughPart() {
  let step = chosen.step + 1;
  const part = data.tape[passedLast(step)]?.scope;
  while (step < data.tape.length && data.tape[passedLast(step + 1)].scope === part) ++step;
  changeTo({step});
}

function startTape() {
  const frame = byId("tape"), svg = byId("edges");
  svg.setAttribute("width", gutter);
  svg.setAttribute("height", data.tape.length * rowHeight);
  drawEdges(svg);
  frame.append(element("div", {className: "nodes"}, ...data.tape.map(tapeRow)));
  byId("step").max = data.tape.length;
  byId("step").oninput = event => changeTo({step: Number(event.target.value)});
  byId("back").onclick = () => changeTo({step: chosen.step + 1});
  byId("forth").onclick = () => changeTo({step: chosen.step - 1});
  byId("back-part").onclick = backThroughPart;
  byId("to-end").onclick = () => changeTo({step: data.tape.length});
  if (data.image_gradient) {
    const {rows, columns, most} = data.image_gradient, canvas = element("canvas", {className: "pixels"});
    drawNumbers(canvas, rows, columns, valuesOf(data.image_gradient), 0, most);
    byId("image-gradient").append(element("figure", {className: "narrow"}, canvas, element("figcaption", {},
        `What arrives at the picture itself: the length of each pixel's gradient, up to ${short(most)}.`)));
  }
  watch(["step"], drawTape);
}
