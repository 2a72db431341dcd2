/**
 * What the explorer knows of pairs: how a payload is read, which cell is where, what is selected.
 *
 * @typedef {{networks: string[], families: number[], parents: number[], orders: Object<string,
 *   number[]>, title: string, values: Object<string, Float64Array>}} Source pairs to be shown
 * @typedef {{k: number, x: number, y: number}} View zoom, and the cell in the upper left corner
 */

export const DEFAULTS = {
  ...{ source: "ours", measure: "difference", order: "family", brush: "all" },
  ...{ x: "similarity", y: "compatibility", condition: 0, unfolded: 0 },
  view: { k: 1, x: 0, y: 0 },
};
export const HIDDEN = ["below", "above"]; // how far the interval of a compatibility reaches
export const MATRICES = ["difference", "compatibility", "similarity", "agreement"];
export const POINTS = 4000; // pairs, above which points are small and let others through
const LEAST = 1e-7; // where 1 - similarity ends on a logarithmic axis

/** Place of the pair of networks i and j among the pairs of n. */
export function pairIndex(i, j, n) {
  const [a, b] = i < j ? [i, j] : [j, i];
  return (a * (2 * n - a - 1)) / 2 + b - a - 1;
}

/** Numbers of bytes sorted by their place: float32 (f4), its upper half (f2), uint16 (u2). */
export function unplane(bytes, kind) {
  const width = Number(kind[1]);
  const count = bytes.length / width;
  const whole = new Uint8Array(bytes.length);
  for (let place = 0; place < width; place++)
    for (let i = 0; i < count; i++) whole[i * width + place] = bytes[place * count + i];
  if (kind === "f4") return new Float32Array(whole.buffer);
  const halves = new Uint16Array(whole.buffer);
  return kind === "u2" ? halves : new Float32Array(Uint32Array.from(halves, (v) => v << 16).buffer);
}

/** The arrays of a payload by their names. */
export async function decode(payload) {
  const text = atob(payload.data);
  const deflated = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) deflated[i] = text.charCodeAt(i);
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let start = 0;
  const next = (kind, length) => unplane(bytes.subarray(start, (start += length)), kind);
  return Object.fromEntries(payload.arrays.map(([name, ...how]) => [name, next(...how)]));
}

/** The measures of all pairs, and those that follow from others. @returns {Source} */
export function sourceOf(about, arrays) {
  const of = (name) => Float64Array.from(arrays[name] ?? [], (v) => v ?? NaN);
  const names = ["compatibility", "below", "above", "compatibility_conditions", "agreement"];
  const values = Object.fromEntries([...names, "distance"].map((name) => [name, of(name)]));
  values.similarity = values.distance.map((d) => 1 - d);
  values.difference = values.compatibility.map((c, p) => Math.abs(c) - values.similarity[p]);
  const { networks } = about;
  const ends = networks.flatMap((_, i) => networks.slice(i + 1).map((_, j) => [i, i + 1 + j]));
  return { ...about, values, ends };
}

/** What two networks are to each other. */
export function relationOf(source, i, j) {
  if (source.parents[i] === j || source.parents[j] === i) return "parent and child";
  return source.families[i] === source.families[j] ? "same family" : "strangers";
}

/** Which pairs a brush selects: one of BRUSHES, or a polygon of [x, y] in the scatter's units. */
export function select(source, brush, { margin, alike }, axes) {
  const { compatibility, similarity, difference } = source.values;
  const tests = {
    yellow: (p) => difference[p] < -margin,
    red: (p) => difference[p] > margin,
    green: (p) => Math.abs(difference[p]) <= margin,
    relatives: (p, related) => related,
    "deep yellow": (p) => similarity[p] >= alike && Math.abs(compatibility[p]) < 0.3,
    "deep red": (p, related) => !related && compatibility[p] > 0.95,
  };
  const [xs, ys] = [source.values[axes?.x], source.values[axes?.y]];
  const test = Array.isArray(brush) ? (p) => inside(brush, xs[p], ys[p]) : tests[brush];
  const { families } = source;
  const related = ([i, j]) => families[i] === families[j];
  return Uint8Array.from(source.ends, (pair, p) => (!test || test(p, related(pair)) ? 1 : 0));
}

/** The place of each network in an order. */
export function inverse(order) {
  const places = [];
  order.forEach((network, place) => (places[network] = place));
  return places;
}

/** Whether a point lies within a polygon of [x, y]. */
export function inside(polygon, x, y) {
  let within = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [[ax, ay], [bx, by]] = [polygon[i], polygon[j]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** Zoom by a factor about a point (0..1 of the side); what is under it stays. @returns {View} */
export function zoom(view, factor, fx, fy, n) {
  const k = Math.min(Math.max(view.k * factor, 1), Math.max(1, n / 4));
  const move = (start, f) => start + (f * n) / view.k - (f * n) / k;
  return clamp({ k, x: move(view.x, fx), y: move(view.y, fy) }, n);
}

/** A view that shows nothing beyond the matrix. @returns {View} */
export function clamp(view, n) {
  const limit = (start) => Math.min(Math.max(start, 0), n - n / view.k);
  return { k: view.k, x: limit(view.x), y: limit(view.y) };
}

/** The cell [row, column] under a point (0..1 of the side), or null. */
export function cellAt(view, fx, fy, n) {
  if (!(fx >= 0 && fx < 1 && fy >= 0 && fy < 1)) return null;
  return [Math.floor(view.y + (fy * n) / view.k), Math.floor(view.x + (fx * n) / view.k)];
}

/** The view that has a cell in sight, moved as little as possible. @returns {View} */
export function reveal(view, row, column, n) {
  const shown = n / view.k;
  const move = (start, at) => Math.min(Math.max(start, at + 1 - shown), at);
  return clamp({ k: view.k, x: move(view.x, column), y: move(view.y, row) }, n);
}

/** A number as the paper prints it: .61, −.20. */
export function plain(value, digits = 2) {
  if (!Number.isFinite(value)) return "–";
  const shown = value.toFixed(digits).replace(/^-(?=[0.]*$)/, "");
  return Number(shown) ? shown.replace(/^(-?)0\./, "$1.").replace("-", "−") : "0";
}

/** The same, but near 1 with the digits that tell it from 1. */
export function text(value, digits = 2) {
  const gap = 1 - Math.abs(value);
  if (!(gap > 0 && gap < 0.01)) return plain(value, digits);
  return plain(value, Math.min(7, Math.ceil(-Math.log10(gap)) + 1));
}

/** What an address says after its # of the state; nothing where it is no link of ours. */
export function readFragment(hash) {
  const found = [...new URLSearchParams(hash.slice(1))];
  try {
    return Object.fromEntries(found.map(([k, v]) => [k, /^[[{\d]/.test(v) ? JSON.parse(v) : v]));
  } catch {
    return {};
  }
}

/** The end of the address that brings a state back: what differs from the defaults. */
export function writeFragment(state, defaults = DEFAULTS) {
  const short = (_, v) => (typeof v === "number" ? Number(v.toPrecision(4)) : v);
  const said = (v) => (typeof v === "string" ? v : JSON.stringify(v, short));
  const other = Object.entries(state).filter(([k, v]) => said(v) !== said(defaults[k] ?? ""));
  return `#${new URLSearchParams(other.map(([k, v]) => [k, said(v)]))}`;
}

/** Marks of an axis from low to high, some five of them: [[value, words], ...]. */
export function ticks(low, high) {
  const raw = (high - low) / 5;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((m) => m * unit >= raw * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step * 1.001)));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const marks = Array.from({ length: count }, (_, i) => (first + i) * step);
  return marks.map((v) => [v, plain(v, digits)]);
}

/** An axis: a value's place 0..1 and back, and its marks; a log one has copies at its right. */
export function axisOf(name, values, chance) {
  if (name === "distance") {
    const low = values.reduce((m, v) => (v > LEAST && v < m ? v : m), 1);
    const floor = Math.floor(Math.log10(low));
    const marks = Array.from({ length: 1 - floor }, (_, i) => [10 ** -i, i ? `1e−${i}` : "1"]);
    const place = (v) => Math.log10(Math.max(v, 10 ** floor)) / floor;
    return { place, value: (f) => 10 ** (f * floor), marks };
  }
  let [low, high] = [Infinity, -Infinity];
  for (const v of values) if (v === v) [low, high] = [Math.min(low, v), Math.max(high, v)];
  if (!(low <= high)) [low, high] = [0, 1];
  low = Math.min(low, chance ?? low);
  const pad = 0.04 * (high - low || 1);
  [low, high] = [low - pad, high + pad];
  const place = (v) => (v - low) / (high - low);
  return { place, value: (f) => low + f * (high - low), marks: ticks(low, high) };
}

/** What is known of a study, by network (i, j) and pair (p). */
export function studyOf(payload, arrays) {
  const { conditions, means, layers = [], norms = [], examples, networks } = payload;
  const [ours, pairs] = [sourceOf(payload, arrays), arrays.distance.length];
  const part = (name, i, size) => [...(arrays[name] ?? []).slice(i * size, (i + 1) * size)];
  const names = conditions.map((condition) => condition.join(" "));
  /** [value, low, high] of a network under each condition, or over the levels of a distortion. */
  const profile = (i, whole) => {
    const [kind, size] = whole ? ["accuracy", names.length] : ["mean", means.length];
    const [low, high] = ["_low", "_high"].map((end) => part(kind + end, i, size));
    return part(kind, i, size).map((v, c) => [v, low[c], high[c]]);
  };
  return {
    ...{ ...payload, layers, norms, names, ours, profile },
    published: payload.published && sourceOf(payload.published, payload.published),
    moments: (name, i) => part(name, i, norms.length),
    layersOf: (p) => layers.map((_, layer) => 1 - arrays.layers[layer * pairs + p]),
    sharesOf(i, j) {
      const child = [i, j].find((k) => [i, j].includes(ours.parents[k]));
      return payload.shares?.[networks[child]] ?? [];
    },
    classes(i, condition) {
      const seen = part("predicted", i * names.length + condition, examples?.count ?? 0);
      return seen.map((number) => examples.classes[number]);
    },
  };
}

/** The rows of a pair in the study's tables, as CSV. */
export function rowsOf(study, source, i, j) {
  const p = pairIndex(i, j, source.networks.length);
  const { compatibility, below, above } = source.values;
  const ends = [compatibility[p] - below[p], compatibility[p] + above[p]];
  const rows = [["table", "item", source.networks[i], source.networks[j], "pair", "low", "high"]];
  for (const [name, known] of Object.entries(source.values))
    if (known.length && !HIDDEN.includes(name))
      rows.push(["pairs", name, "", "", known[p], ...(name === "compatibility" ? ends : [])]);
  if (source === study.ours) {
    const [a, b] = [i, j].map((k) => study.profile(k, true));
    study.names.forEach((name, c) => rows.push(["accuracy", name, a[c][0], b[c][0]]));
    study.layersOf(p).forEach((v, k) => rows.push(["layers", study.layers[k], "", "", v]));
    study.sharesOf(i, j).forEach(([part, ...v]) => rows.push(["shares", part, "", "", ...v]));
  }
  const short = (v) => String(typeof v === "number" ? Number(v.toPrecision(6)) : v);
  const cell = (v) => (/[",]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
  return rows.map((row) => `${row.map((v) => cell(short(v))).join(",")}\n`).join("");
}
