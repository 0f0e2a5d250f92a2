// The layers with their formulas, and what they put out as pictures.

// Layers under the name of their block, or by themselves.
function layerGroups() {
  const groups = new Map();
  for (const layer of data.layers) {
    const name = layer.name.match(/^layers\.\d+\.blocks\.\d+/)?.[0] ?? layer.name;
    groups.set(name, [...(groups.get(name) ?? []), layer]);
  }
  return groups;
}

function costText(layers) {
  const sum = what => layers.reduce((total, layer) => total + layer[what], 0);
  return `${grouped(sum("parameters"))} parameters, ${countText(sum("flops"))}FLOP`;
}

function describeLayer(layer, withName) {
  const text = data.texts[layer.text];
  return element("div", {className: "layer"},
      ...(withName ? [element("h3", {}, layer.name.split(".").pop()),
                      element("p", {}, `${shapeText(layer.output)}, ${costText([layer])}`)] : []),
      element("p", {}, text.title),
      element("pre", {}, text.formula.join("\n")),
      element("ul", {className: "code"}, ...text.code.map(path => element("li", {}, element("code", {}, path)))));
}

function startLayers() {
  for (const [name, layers] of layerGroups()) {
    const map = data.maps.findIndex(({layer}) => layer === name);
    const details = element("details", {},
        element("summary", {}, element("b", {}, name), " ",
                element("span", {}, `${shapeText(layers.at(-1).output)}, ${costText(layers)}`)),
        ...layers.map(layer => describeLayer(layer, layers.length > 1)));
    if (map >= 0) details.append(element("button", {type: "button", onclick: () => {
      changeTo({map});
      byId("part-maps").scrollIntoView();
    }}, "Its feature maps"));
    byId("layers").append(details);
  }
}

// ---- feature maps

function drawMaps() {
  const map = data.maps[chosen.map], [rows, columns] = map.drawn;
  byId("map").value = chosen.map;
  byId("map-text").textContent = `${map.layer} puts out ${map.rows} x ${map.columns} tokens of ${map.channels} channels. ` +
      `The mean of |x| is ${short(map.amplitude)}, the largest ${short(map.largest)}.`;
  byId("maps").replaceChildren(element("div", {className: "thumbs"}, ...map.pictures.map(picture => {
    const name = picture.channel < 0 ? "all channels" : `channel ${picture.channel}`;
    const canvas = drawNumbers(element("canvas", {className: "pixels", role: "img", "aria-label": name}), rows, columns,
                               valuesOf(picture), picture.least, picture.most);
    return element("figure", {}, canvas,
                   element("figcaption", {}, `${name}: ${short(picture.least)} to ${short(picture.most)}`));
  })));
  document.querySelectorAll("#amplitude .row").forEach((row, i) => row.classList.toggle("chosen", i === chosen.map));
}

function startMaps() {
  const most = Math.max(...data.maps.map(map => map.amplitude));
  data.maps.forEach((map, number) => {
    byId("map").append(element("option", {value: number}, map.layer));
    byId("amplitude").append(barRow(map.layer, map.amplitude / most, short(map.amplitude), () => changeTo({map: number})));
  });
  byId("map").onchange = event => changeTo({map: Number(event.target.value)});
  watch(["map"], drawMaps);
}
