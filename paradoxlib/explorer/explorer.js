/**
 * The explorer: the matrix, the scatter and the panel of a study's pairs, drawn from one payload
 * (see packing.py). An ES module in anywidget's form; it needs no library and makes no request.
 */

import {
  axisOf, cellAt, clamp, decode, DEFAULTS, HIDDEN, inverse, MATRICES, pairIndex, plain, POINTS,
  readFragment, relationOf, reveal, rowsOf, select, studyOf, text, writeFragment, zoom,
} from "./pairs.js";

/** A node of HTML or, where its name is one of SVG's, of SVG; functions become listeners. */
function h(tag, attributes = {}, ...children) {
  const drawn = /^(svg|path|line|rect|circle|text|title)$/.test(tag);
  const space = `http://www.w3.org/${drawn ? "2000/svg" : "1999/xhtml"}`;
  const node = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false && value != null) node.setAttribute(name, value);
  node.append(...children.flat(2).filter((child) => child != null));
  return node;
}

/** Rows of cells as a table's; the first of each heads it. */
const rowsIn = (rows) =>
  rows.map((row) => h("tr", {}, row.map((cell, k) => h(k ? "td" : "th", {}, cell))));

/** A canvas's context, cleared and scaled to the screen's pixels, and its size. */
function fit(canvas) {
  const ratio = globalThis.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const size = [width, height].map((v) => Math.round(v * ratio));
  if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = sized();
  context.lineWidth = 1;
  context.textBaseline = "middle";
  return { context, width, height };
}

/** The font of words on a canvas, of at most 11 pixels. */
const sized = (pixels = 11) => `${Math.min(pixels, 11)}px system-ui, sans-serif`;

/** Write words on a canvas, upwards where `up`. */
function write(context, words, x, y, align, colour, up = false, font = context.font) {
  context.save();
  context.font = font;
  context.translate(x, y);
  if (up) context.rotate(-Math.PI / 2);
  [context.textAlign, context.fillStyle] = [align, colour];
  context.fillText(words, 0, 0);
  context.restore();
}

/**
 * Values side by side, A as circles and B as squares, each [value, low, high]; chance as steps.
 * @param {{label: string, names: string[], series: number[][][], chance?: number[], ends?:
 *   number[], join?: boolean, chosen?: number, pick?: (i: number) => void}} options
 */
function chart({ label, names, series, chance = [], ends, join = true, chosen, pick }) {
  const [width, left, top, tall, height] = [380, 42, 8, 122, 186];
  const { place, marks } = axisOf("", ends ?? [...series.flat(2), ...chance]);
  const step = (width - left - 2) / names.length;
  const x = (i) => left + (i + 0.5) * step;
  const y = (v) => top + (1 - place(v)) * tall;
  const line = (x1, y1, x2, y2, kind) => h("line", { x1, y1, x2, y2, class: kind });
  const box = (i, kind, more) =>
    h("rect", { x: x(i) - step / 2, y: top, width: step, height: tall, class: kind, ...more });
  const nodes = marks.flatMap(([v, words]) => [
    line(left, y(v), width, y(v), v === 0 ? "zero" : "grid"),
    h("text", { x: left - 4, y: y(v) + 3, class: "mark" }, words),
  ]);
  const every = new Set(names).size < names.length ? 1 : Math.ceil(names.length / 12);
  names.forEach((name, i) => {
    if (i === chosen) nodes.push(box(i, "chosen"));
    if (name === names[i - 1] || i % every) return;
    const middle = x((i + names.lastIndexOf(name)) / 2) + 3;
    const transform = `translate(${middle},${top + tall + 10}) rotate(-40)`;
    nodes.push(h("text", { transform, class: "name" }, name));
  });
  const steps = chance.map((v, i) => `M${x(i) - step / 2},${y(v)}h${step}`);
  nodes.push(h("path", { d: steps.join(""), class: "chance" }));
  series.forEach((values, which) => {
    const kind = "ab"[which];
    const shift = series.length > 1 && step > 20 ? (which - 0.5) * 7 : 0;
    const known = values.map(([v], i) => (Number.isFinite(v) ? [x(i) + shift, y(v)] : null));
    const path = known.map((at, i) => at && `${known[i - 1] ? "L" : "M"}${at}`).join("");
    if (join) nodes.push(h("path", { d: path, class: `line ${kind}` }));
    values.forEach(([v, low, high], i) => {
      if (!known[i]) return;
      const [cx, cy] = known[i];
      const bounds = Number.isFinite(low) ? ` (${text(low)} to ${text(high)})` : "";
      if (bounds) nodes.push(line(cx, y(low), cx, y(high), `bar ${kind}`));
      const spot = which ? { x: cx - 3, y: cy - 3, width: 6, height: 6 } : { cx, cy, r: 3.4 };
      const said = h("title", {}, `${names[i]}: ${text(v, 3)}${bounds}`);
      nodes.push(h(which ? "rect" : "circle", { ...spot, class: `spot ${kind}` }, said));
    });
  });
  if (pick) nodes.push(...names.map((_, i) => box(i, "pick", { click: () => pick(i) })));
  return h("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, nodes);
}

/** Call `move(from, to)`, `hover(at)`, `click(at)` and `end()` as a pointer does so. */
function follow(node, { move, hover, click, end = () => {} }) {
  const at = (event) => [event.offsetX, event.offsetY];
  let [from, way] = [null, 0];
  node.addEventListener("pointerdown", (event) => {
    [from, way] = [at(event), 0];
    node.setPointerCapture(event.pointerId);
  });
  node.addEventListener("pointermove", (event) => {
    const to = at(event);
    if (!from) return hover(to);
    way += Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (way > 4) move(from, to);
    from = to;
  });
  for (const kind of ["pointerup", "pointercancel"])
    node.addEventListener(kind, (event) => {
      if (from && kind === "pointerup" && way <= 4) click(at(event));
      from = null;
      end();
    });
  node.addEventListener("pointerleave", () => hover(null));
}

/** Show a study in a node; `own`: the page is the explorer's, and its address keeps the view. */
function explore(study, root, own) {
  const defaults = { ...DEFAULTS, condition: study.clean };
  const state = { ...defaults, a: 0, b: 1 };
  const cache = {};
  let [source, hovered, waiting, path, sides, axes, spots, saving] = [study.ours, null, 0, []];
  if (study.skeleton) root.innerHTML = study.skeleton;
  root.classList.add("explorer");
  const find = (selector) => root.querySelector(selector);
  const said = (name) => find(`[data-key=x] [value=${name}]`).text;
  const measures = [...find("[data-key=x]").options].map((option) => option.value);
  const [matrix, scatter] = [find(".matrix"), find(".scatter")];
  const ink = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const count = () => source.networks.length;
  const values = (name) => source.values[name];
  const labelOf = (i) => source.networks[i];
  const order = () => source.orders[state.order];
  /** What `make` returns, made anew where the key has changed. */
  const kept = (name, key, make) => {
    const whole = JSON.stringify(key);
    if (cache[name]?.whole !== whole) cache[name] = { whole, made: make() };
    return cache[name].made;
  };
  const brushed = () => [state.source, state.brush, [state.x, state.y]];
  const mask = () => kept("mask", brushed(), () => select(source, state.brush, study, state));
  const rank = () => kept("rank", [state.source, state.order], () => inverse(order()));

  /** Change the state, and show what follows from it. */
  function set(change) {
    if (change.source && change.source !== state.source && study[change.source]) {
      const names = [state.a, state.b].map(labelOf);
      source = study[change.source];
      const [a, b] = names.map((name) => Math.max(0, source.networks.indexOf(name)));
      change = { a, b: b === a ? Number(a === 0) : b, view: DEFAULTS.view, ...change };
    }
    if (("x" in change || "y" in change) && Array.isArray(state.brush)) state.brush = "all";
    Object.assign(state, change);
    for (const node of root.querySelectorAll("[data-key]")) {
      const key = node.dataset.key;
      for (const option of node.options) option.disabled = values(option.value)?.length === 0;
      const known = [...node.options].some((one) => one.value === state[key] && !one.disabled);
      node.value = state[key] = known ? state[key] : DEFAULTS[key];
    }
    for (const node of find(".brushes").children)
      node.setAttribute("aria-pressed", node.textContent === state.brush);
    if (["a", "b", "condition", "unfolded"].some((key) => key in change)) showPair();
    showScale();
    draw();
    clearTimeout(saving);
    if (own) saving = setTimeout(() => history.replaceState(null, "", address()), 250);
  }

  const address = () => {
    const [a, b] = [state.a, state.b].map(labelOf);
    return writeFragment({ ...state, a, b }, defaults);
  };

  /** Choose a pair; a network beside itself is none. */
  function choose([a, b]) {
    if (a === b) return;
    const [row, column] = [rank()[a], rank()[b]];
    set({ a, b, view: reveal(state.view, row, column, count()) });
  }

  /** Draw at the next frame, once. */
  function draw() {
    waiting ||= requestAnimationFrame(() => {
      waiting = 0;
      drawMatrix();
      drawScatter();
      const [i, j] = hovered ?? [state.a, state.b];
      const names = MATRICES.filter((name) => values(name).length);
      const told = names.map((name) => `${name} ${text(values(name)[pairIndex(i, j, count())])}`);
      const whole = [`${labelOf(i)} × ${labelOf(j)}`, relationOf(source, i, j), ...told];
      find(".status").textContent = whole.join(" · ");
      matrix.setAttribute("aria-label", `${whole.join(", ")}; arrows move, / finds, + and - zoom`);
      const chosen = kept("chosen", brushed(), () => mask().reduce((sum, v) => sum + v, 0));
      const lasso = Array.isArray(state.brush);
      const how = lasso ? " in the lasso; Escape ends it" : "; drag for a lasso";
      find(".selected").textContent = `${chosen} of ${mask().length} pairs${how}`;
      root.classList.remove("waiting");
    });
  }

  /** The colour [red, green, blue] of a value in the matrix. */
  function shade(value) {
    const { low, high, colours } = study.scales[state.measure];
    const step = Math.round(((value - low) / (high - low)) * (colours.length - 1));
    const found = colours[Math.min(Math.max(step, 0), colours.length - 1)] ?? "#888888";
    return [1, 3, 5].map((at) => parseInt(found.slice(at, at + 2), 16));
  }

  /** The matrix as a picture, a pixel a cell. */
  function paint() {
    const picture = new OffscreenCanvas(count(), count());
    const context = picture.getContext("2d");
    const pixels = context.createImageData(count(), count());
    source.ends.forEach(([i, j], p) => {
      const colour = [...shade(values(state.measure)[p]), mask()[p] ? 255 : 36];
      const [row, column] = [rank()[i], rank()[j]];
      pixels.data.set(colour, 4 * (row * count() + column));
      pixels.data.set(colour, 4 * (column * count() + row));
    });
    context.putImageData(pixels, 0, 0);
    return picture;
  }

  function drawMatrix() {
    const { context, width } = fit(matrix);
    const { k, x, y } = state.view;
    const measure = () => source.networks.map((name) => context.measureText(name).width);
    const widest = kept("widest", state.source, () => Math.max(...measure()));
    const edge = Math.min(Math.ceil(widest) + 8, 0.24 * width);
    const [shown, side] = [count() / k, width - edge];
    const cell = side / shown;
    sides = { edge, side };
    const key = [state.measure, state.order, ...brushed()];
    context.imageSmoothingEnabled = false;
    context.drawImage(kept("paint", key, paint), x, y, shown, shown, edge, edge, side, side);
    const at = (place, start) => edge + (place - start) * cell;
    const [small, head] = [0.4 * cell, Math.max(cell, 9)].map(sized);
    order().forEach((i, place) => {
      const marked = [state.a, state.b].indexOf(i);
      if (cell < 9 && marked < 0) return;
      const colour = ink(marked < 0 ? "quiet" : "ab"[marked]);
      const [across, down] = [at(place + 0.5, x), at(place + 0.5, y)];
      const seen = [across, down].map((v) => v > edge && v < width);
      if (seen[1]) write(context, labelOf(i), edge - 4, down, "right", colour, false, head);
      if (seen[0]) write(context, labelOf(i), across, edge - 4, "left", colour, true, head);
      if (cell < 24 || !seen[1]) return;
      order().forEach((j, column) => {
        const [p, middle] = [pairIndex(i, j, count()), at(column + 0.5, x)];
        if (i === j || !mask()[p] || middle < edge || middle > width) return;
        const [red, green, blue] = shade(values(state.measure)[p]);
        const dark = 0.3 * red + 0.59 * green + 0.11 * blue < 120;
        const words = plain(values(state.measure)[p]);
        write(context, words, middle, down, "center", dark ? "#fff" : "#000", false, small);
      });
    });
    context.beginPath();
    context.rect(edge, edge, side, side);
    context.clip();
    context.strokeStyle = ink("text");
    const frame = ([i, j], thick) => {
      const size = Math.max(cell, 6);
      const corner = (place, start) => at(place + 0.5, start) - size / 2;
      context.lineWidth = thick;
      context.strokeRect(corner(rank()[j], x), corner(rank()[i], y), size, size);
    };
    if (hovered) frame(hovered, 1.5);
    frame([state.a, state.b], 3);
    frame([state.b, state.a], 1);
  }

  /** The scatter's points as a picture, and their places; many pairs are small and let through. */
  function plot(width, height, [across, up]) {
    const picture = new OffscreenCanvas(width, height);
    const context = picture.getContext("2d");
    const [gaps, xs, ys] = ["difference", state.x, state.y].map(values);
    const kinds = Array.from(gaps, (v) => (v < -study.margin ? 0 : v > study.margin ? 2 : 1));
    const inks = ["yellow", "green", "red", "dim"].map(ink);
    const spots = source.ends.map((_, p) => [across.at(xs[p]), up.at(ys[p])]);
    for (const chosen of [0, 1]) {
      const many = mask().filter((v) => v === chosen).length > POINTS;
      context.globalAlpha = many ? 0.35 : 0.85;
      spots.forEach(([x, y], p) => {
        if (mask()[p] !== chosen || !Number.isFinite(x + y)) return;
        context.fillStyle = inks[chosen ? kinds[p] : 3];
        if (many) return context.fillRect(x - 1, y - 1, 2, 2);
        context.beginPath();
        if (kinds[p] === 0) context.rect(x - 4, y - 4, 8, 8);
        else if (kinds[p] === 1) context.arc(x, y, 4, 0, 7);
        else for (const [dx, dy] of [[0, -5], [5, 4], [-5, 4]]) context.lineTo(x + dx, y + dy);
        context.fill();
      });
    }
    return { picture, spots };
  }

  function drawScatter() {
    const { context, width, height } = fit(scatter);
    const [left, right, top, bottom] = [50, width - 16, 8, height - 38];
    const names = [state.x, state.y];
    axes = names.map((name, k) => {
      const make = () => axisOf(name, values(name), study.chance[name]);
      const axis = kept(k, [state.source, name], make);
      const [from, to] = k ? [bottom, top] : [left, right];
      const at = (v) => from + axis.place(v) * (to - from);
      return { ...axis, at, back: (pixel) => axis.value((pixel - from) / (to - from)) };
    });
    const rule = (points) => {
      context.beginPath();
      points.forEach((point) => context.lineTo(...point));
      context.stroke();
    };
    axes.forEach(({ marks, at }, k) => {
      const across = (v) => (k ? [[left, at(v)], [right, at(v)]] : [[at(v), top], [at(v), bottom]]);
      for (const [v, words] of marks) {
        context.strokeStyle = ink("line");
        rule(across(v));
        if (k) write(context, words, left - 5, at(v), "right", ink("quiet"));
        else write(context, words, at(v), bottom + 12, "center", ink("quiet"));
      }
      const middle = k ? [8, (top + bottom) / 2] : [(left + right) / 2, bottom + 29];
      write(context, said(names[k]), ...middle, "center", ink("text"), k === 1);
      context.strokeStyle = ink("text");
      context.setLineDash([2, 3]);
      if (study.chance[names[k]] !== undefined) rule(across(study.chance[names[k]]));
      context.setLineDash([]);
    });
    const key = [names, width, height, ink("dim"), ...brushed()];
    const made = kept("plot", key, () => plot(width, height, axes));
    context.drawImage(made.picture, 0, 0);
    spots = made.spots;
    context.lineWidth = 2;
    for (const pair of [hovered, [state.a, state.b]].filter(Boolean)) {
      context.beginPath();
      context.arc(...spots[pairIndex(...pair, count())], pair === hovered ? 6 : 8, 0, 7);
      context.stroke();
    }
    if (path.length) rule(path);
  }

  /** The panel: all that is known of the chosen pair. */
  function showPair() {
    const { a: i, b: j } = state;
    const p = pairIndex(i, j, count());
    const put = (selector, ...nodes) => find(selector).replaceChildren(...nodes.flat());
    const both = (of) => [of(i), of(j)];
    const heads = both(labelOf).map((name, k) => h("b", { class: "ab"[k] }, name));
    put("h2", heads[0], " × ", heads[1]);
    put(".relation", relationOf(source, i, j));
    const numbers = measures.filter((name) => values(name).length && name !== "distance");
    const tell = (name) => {
      const [v, low, high] = [name, ...HIDDEN].map((key) => values(key)[p]);
      const resampled = name === "compatibility" && Number.isFinite(low);
      const bounds = resampled ? ` (${text(v - low)} to ${text(v + high)})` : "";
      const chance = study.chance[name] ? `, chance ${text(study.chance[name])}` : "";
      const own = source === study.ours;
      const [title, other] = own ? ["published", study.published] : ["ours", study.ours];
      const known = study.published?.same && other.values[name].length;
      const beside = known ? `; ${title} ${text(other.values[name][p])}` : "";
      return h("dd", { "data-value": name }, text(v) + bounds + chance + beside);
    };
    put(".numbers", numbers.map((name) => [h("dt", {}, said(name)), tell(name)]).flat());
    find(".known").hidden = source !== study.ours;
    if (source !== study.ours) return;
    const names = state.unfolded ? study.conditions.map(([name]) => name) : study.means;
    const series = both((k) => study.profile(k, state.unfolded));
    const [distortion] = study.conditions[state.condition];
    const first = (name) => study.conditions.findIndex(([other]) => other === name);
    const pick = (k) => set({ condition: state.unfolded ? k : first(names[k]) });
    const chosen = state.unfolded ? state.condition : names.indexOf(distortion);
    const profile = { label: "accuracy", names, series, ends: [0, 1], chosen, pick };
    put(".profile", chart(profile));
    put(".unfold", state.unfolded ? "by distortion" : `all ${study.names.length} conditions`);
    const exact = (k) => series.map((values) => values[k][0].toFixed(4));
    const rows = (state.unfolded ? study.names : names).map((name, k) => [name, ...exact(k)]);
    put(".accuracies", rowsIn([["", ...both(labelOf)], ...rows]));
    const unknown = (why) => h("p", { class: "none" }, why);
    const layers = study.layersOf(p).map((v) => [v]);
    const chance = layers.some(([v]) => v < 0.8) ? study.layer_chance : [];
    const kernels = { label: "similarity", names: study.layers, series: [layers], chance };
    put(".layers", layers.length ? chart(kernels) : unknown("not kept for this study"));
    const shares = study.sharesOf(i, j);
    const parts = { names: shares.map(([part]) => part), series: [shares.map(([, ...v]) => v)] };
    const why = "known for parents and their children, where a study has exchanged their parts";
    const bars = { label: "share of each part", ...parts, chance: [0], join: false };
    put(".shares", shares.length ? chart(bars) : unknown(why));
    const moments = (name) => both((k) => study.moments(name, k).map((v) => [v]));
    for (const name of ["running_mean", "running_sd"])
      put(`.${name}`, chart({ label: name, names: study.norms, series: moments(name) }));
    const spaced = (cell) => cell.replaceAll("_", " ");
    const rowOf = ([name, of]) => [name, of[i], of[j]].map(spaced);
    const settings = Object.entries(study.settings).map(rowOf);
    put(".settings", rowsIn([["", ...both(labelOf)], ...settings]));
    put(".families", [...new Set(both((k) => source.families[k]))].map(treeOf));
    showExamples();
  }

  /** A network and its descendants as a list of buttons; a click puts it in B's place. */
  function treeOf(network) {
    const children = source.parents.flatMap((parent, k) => (parent === network ? [k] : []));
    const kind = { [state.a]: "a", [state.b]: "b" }[network];
    const click = () => choose([state.a, network]);
    const name = h("button", { type: "button", class: kind, click }, labelOf(network));
    return h("ul", {}, h("li", {}, name, children.map(treeOf)));
  }

  /** The example images under the chosen condition, and what both networks take them for. */
  function showExamples() {
    const { examples, names } = study;
    find(".condition").value = state.condition;
    if (!examples) return;
    const classes = [state.a, state.b].map((k) => study.classes(k, state.condition));
    const figures = examples.labels.map((label, k) => {
      const right = examples.classes[label];
      const places = [k / (examples.count - 1), state.condition / (names.length - 1)];
      const style = `background-position:${places.map((v) => `${100 * v}%`).join(" ")}`;
      const seen = classes.map((of, which) =>
        h("span", { class: "ab"[which] }, `${of[k] === right ? "✓" : "✗"} ${of[k]}`));
      const picture = h("div", { class: "picture", style, role: "img", "aria-label": right });
      return h("figure", {}, picture, h("figcaption", {}, right, ...seen));
    });
    find(".examples").replaceChildren(...figures);
  }

  /** The colours of the matrix with their values, and chance. */
  function showScale() {
    const { low, high, colours } = study.scales[state.measure];
    const level = study.chance[state.measure];
    const marks = [low, (low + high) / 2, high].map((v) => [v, plain(v, 1)]);
    if (level) marks.push([level, `chance ${text(level)}`]);
    const mark = ([v, words]) =>
      h("span", { style: `left:${(100 * (v - low)) / (high - low)}%` }, words);
    find(".scale").style.background = `linear-gradient(to right, ${colours})`;
    find(".scale").replaceChildren(...marks.map(mark));
  }

  /** Take up what the address says. */
  function restore() {
    const { a, b, ...rest } = { ...defaults, ...readFragment(location.hash) };
    set({ source: rest.source });
    const [i, j] = [a, b].map((name) => source.networks.indexOf(name));
    set({ ...rest, ...(i >= 0 && j >= 0 && i !== j ? { a: i, b: j } : { a: 0, b: 1 }) });
  }

  const cell = ([x, y]) => {
    const [across, down] = [x, y].map((v) => (v - sides.edge) / sides.side);
    const found = cellAt(state.view, across, down, count())?.map((place) => order()[place]);
    return found && found[0] !== found[1] ? found : null;
  };
  const nearest = ([x, y]) => {
    const far = (p) => Math.hypot(spots[p][0] - x, spots[p][1] - y);
    const best = spots.reduce((m, _, p) => (far(p) < far(m) ? p : m), 0);
    return far(best) < 12 ? source.ends[best] : null;
  };
  const point = (pair) => {
    if (String(pair) !== String(hovered)) [hovered] = [pair, draw()];
  };
  const magnify = (factor, [x, y] = [0.5, 0.5]) =>
    set({ view: factor ? zoom(state.view, factor, x, y, count()) : DEFAULTS.view });

  follow(matrix, {
    hover: (at) => point(at && cell(at)),
    click: (at) => cell(at) && choose(cell(at)),
    move([fromX, fromY], [toX, toY]) {
      const { k, x, y } = state.view;
      const size = (sides.side * k) / count();
      const view = { k, x: x + (fromX - toX) / size, y: y + (fromY - toY) / size };
      set({ view: clamp(view, count()) });
    },
  });
  follow(scatter, {
    hover: (at) => point(at && nearest(at)),
    click: (at) => nearest(at) && choose(nearest(at)),
    move: (from, to) => [path.push(to), draw()],
    end() {
      const brush = path.map((at) => axes.map(({ back }, k) => back(at[k])));
      path = [];
      if (brush.length > 2) set({ brush });
    },
  });
  matrix.addEventListener("wheel", (event) => {
    if (document.activeElement !== matrix && !event.ctrlKey) return;
    event.preventDefault();
    const at = [event.offsetX, event.offsetY].map((v) => (v - sides.edge) / sides.side);
    magnify(event.deltaY < 0 ? 1.25 : 0.8, at);
  });
  matrix.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const zooms = { "+": 1.6, "-": 0.625, 0: 0 };
    const [step, factor] = [steps[event.key], zooms[event.key]];
    if (factor !== undefined) magnify(factor);
    if (!step) return;
    event.preventDefault();
    const pace = step.map((v) => v * (event.shiftKey ? 10 : 1));
    const start = [state.a, state.b].map((i) => rank()[i]);
    const go = (from, by) => from.map((v, k) => Math.min(Math.max(v + by[k], 0), count() - 1));
    let to = go(start, pace);
    if (to[0] === to[1]) to = go(to, step);
    choose(to.map((place) => order()[place]));
  });
  (own ? document : root).addEventListener("keydown", (event) => {
    if (event.key === "Escape") set({ brush: "all" });
    if (event.key !== "/" || event.target.tagName === "INPUT") return;
    event.preventDefault();
    find("input").select();
  });
  root.addEventListener("change", ({ target }) => {
    if (target.dataset.key) set({ [target.dataset.key]: target.value });
    else if (target.className === "condition") set({ condition: Number(target.value) });
    else {
      const [i, j] = target.value.split(",").map((name) => source.networks.indexOf(name.trim()));
      const other = [state.b, state.a].find((k) => k !== i);
      if (i >= 0) choose([i, j >= 0 ? j : other]);
    }
  });
  root.addEventListener("click", ({ target }) => {
    const { zoom: factor, brush } = target.dataset;
    if (factor) magnify(Number(factor));
    if (brush) set({ brush });
    if (target.className === "unfold") set({ unfolded: 1 - state.unfolded });
    if (target.className === "link") {
      const copied = navigator.clipboard?.writeText(location.href.replace(/#.*/, "") + address());
      copied?.then(() => (target.textContent = "link copied"));
    }
    if (target.className !== "download") return;
    const rows = new Blob([rowsOf(study, source, state.a, state.b)], { type: "text/csv" });
    const [href, names] = [URL.createObjectURL(rows), [state.a, state.b].map(labelOf)];
    h("a", { href, download: `${study.study} ${names.join(" ")}.csv` }).click();
    URL.revokeObjectURL(href);
  });
  find("datalist").append(...study.networks.map((name) => new Option(name)));
  find(".condition").append(...study.names.map((name, k) => new Option(name, String(k))));
  const printed = `published: ${study.published?.title}`;
  if (study.published) find("[data-key=source]").append(new Option(printed, "published"));
  if (study.examples) root.style.setProperty("--sheet", `url(${study.examples.sheet})`);
  if (study.examples) root.style.setProperty("--columns", study.examples.count);
  new ResizeObserver(draw).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (own) addEventListener("hashchange", restore);
  if (own) restore();
  else set({ a: 0, b: 1 });
}

/** Show the payload of a model in a node (anywidget's form). */
export async function render({ model, el }) {
  const payload = model.get("payload");
  explore(studyOf(payload, await decode(payload)), el, Boolean(model.get("own")));
}

export default { render };
