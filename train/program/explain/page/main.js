// The parts put together.

function startAnswer() {
  const {name, rows, columns} = data.picture;
  byId("picture-text").textContent = `${name}, as the model is shown it: ${rows} x ${columns} pixels`;
  for (const answer of data.answer)
    byId("answer").append(barRow(answer.class, answer.probability, percent(answer.probability)));
}

function startNotes() {
  const sentences = [
    "Shares of attention: each row's largest in 16 bits, the others in 8 bits as parts of it. A share is off by at most " +
        "1/510 of its row's largest, and 1/131070.",
    "Feature maps, biases and maps of gradients: 8 bits from the least to the largest of each, so a number is off by at " +
        "most 1/510 of that range. All other numbers have six digits.",
    "Maps are computed in float32 on the CPU, with nothing random.",
    ...(data.left_out.length ? data.left_out : ["Nothing is left out."])];
  byId("notes").append(...sentences.map(sentence => element("li", {}, sentence)));
}

async function start() {
  for (const canvas of document.querySelectorAll("canvas.ramp"))
    drawNumbers(canvas, 1, 256, Array.from({length: 256}, (_, i) => i), 0, 255);
  for (const button of document.querySelectorAll("[data-part]"))
    button.onclick = () => byId(button.dataset.part).scrollIntoView();
  for (const begin of [startAnswer, startAttention, startBias, startLayers, startMaps, startTape, startNotes]) begin();
  const middle = data.cuts[data.blocks[0].cut].map;
  Object.assign(chosen, {token: Math.floor(middle[0] / 2) * middle[1] + Math.floor(middle[1] / 2)});
  byId("picture").src = data.picture.png;
  await byId("picture").decode().catch(() => {});  // a picture that cannot be shown leaves the numbers
  changeTo(chosenInAddress());
  for (const {draw} of watchers) draw();
  addEventListener("hashchange", () => changeTo(chosenInAddress()));
  document.documentElement.dataset.ready = "yes";
}

addEventListener("DOMContentLoaded", start);
