// Run by node's own test runner (test_module.py): geometry, ordering and decoding of pairs.js.
const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const test = require("node:test");
const { deflateSync } = require("node:zlib");

const file = join(__dirname, "../../paradoxlib/explorer/pairs.js");
const address = `data:text/javascript,${encodeURIComponent(readFileSync(file, "utf8"))}`;
let pairs;
test.before(async () => (pairs = await import(address)));

const about = { networks: ["A", "B", "C", "D"], families: [0, 0, 0, 3], parents: [-1, 0, 0, -1] };
const arrays = {
  compatibility: [0.9, 0.1, -0.97, 0.2, 0.96, null],
  distance: [0.001, 0.002, 0.85, 0.003, 0.84, 0.85],
};

test("pairs are numbered row by row, whichever network comes first", () => {
  let p = 0;
  for (let i = 0; i < 7; i++)
    for (let j = i + 1; j < 7; j++, p++) {
      assert.equal(pairs.pairIndex(i, j, 7), p);
      assert.equal(pairs.pairIndex(j, i, 7), p);
    }
  assert.equal(p, 21);
});

test("bytes sorted by their place become numbers again", async () => {
  const sorted = (array) => {
    const bytes = Buffer.from(array.buffer);
    const width = array.BYTES_PER_ELEMENT;
    return Buffer.from(bytes.map((_, k) => bytes[(k % array.length) * width + Math.floor(k / array.length)]));
  };
  const [whole, counts] = [new Float32Array([0.1, -2, NaN, 1e-7]), new Uint16Array([3, 65535])];
  const halves = new Uint16Array([0x3f80, 0xc000]); // the upper halves of 1 and -2
  const contents = [whole, counts, halves].map(sorted);
  const data = deflateSync(Buffer.concat(contents)).toString("base64");
  const kinds = [["f", "f4"], ["u", "u2"], ["h", "f2"]];
  const payload = { data, arrays: kinds.map((kind, k) => [...kind, contents[k].length]) };
  const found = await pairs.decode(payload);
  assert.deepEqual([...found.f], [...whole]);
  assert.deepEqual([...found.u], [3, 65535]);
  assert.deepEqual([...found.h], [1, -2]);
});

test("the difference is |compatibility| - similarity, and unknown where either is", () => {
  const { difference } = pairs.sourceOf(about, arrays).values;
  assert.ok(Math.abs(difference[2] - (0.97 - 0.15)) < 1e-12);
  assert.ok(Number.isNaN(difference[5]));
});

test("brushes select by kind, by kinship and by lasso", () => {
  const source = pairs.sourceOf(about, arrays);
  const limits = { margin: 0.25, alike: 0.985 };
  const chosen = (brush, axes) => [...pairs.select(source, brush, limits, axes)].join("");
  assert.equal(chosen("all"), "111111");
  assert.equal(chosen("yellow"), "010100");
  assert.equal(chosen("deep yellow"), "010100");
  assert.equal(chosen("red"), "001010");
  assert.equal(chosen("deep red"), "000010");
  assert.equal(chosen("green"), "100000");
  assert.equal(chosen("relatives"), "110100");
  const lasso = [[0.9, 0], [1, 0], [1, 0.15], [0.9, 0.15]];
  assert.equal(chosen(lasso, { x: "similarity", y: "compatibility" }), "010000");
});

test("a concave lasso leaves its bay out", () => {
  const bay = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]];
  assert.ok(pairs.inside(bay, 1, 1) && pairs.inside(bay, 3.5, 2));
  assert.ok(!pairs.inside(bay, 2, 3) && !pairs.inside(bay, 5, 1));
});

test("zooming keeps what is under the pointer, and shows nothing beyond the matrix", () => {
  const n = 329;
  let view = { k: 1, x: 0, y: 0 };
  const under = pairs.cellAt(view, 0.3, 0.7, n);
  for (let k = 0; k < 5; k++) view = pairs.zoom(view, 1.6, 0.3, 0.7, n);
  assert.deepEqual(pairs.cellAt(view, 0.3, 0.7, n), under);
  for (let k = 0; k < 9; k++) view = pairs.zoom(view, 0.5, 1, 1, n);
  assert.deepEqual(view, { k: 1, x: 0, y: 0 });
  assert.equal(pairs.cellAt(view, 1.01, 0.5, n), null);
});

test("a chosen cell comes into sight by the shortest way", () => {
  const view = { k: 10, x: 100, y: 100 };
  assert.deepEqual(pairs.reveal(view, 110, 120, 329), view);
  const moved = pairs.reveal(view, 328, 50, 329);
  assert.equal(moved.x, 50);
  assert.ok(Math.abs(moved.y - (329 - 32.9)) < 1e-9);
});

test("the inverse of an order finds each network's place", () => {
  assert.deepEqual(pairs.inverse([2, 0, 3, 1]), [1, 3, 0, 2]);
});

test("numbers are printed as in the paper, copies with more digits", () => {
  assert.equal(pairs.text(0.614), ".61");
  assert.equal(pairs.text(-0.2), "−.20");
  assert.equal(pairs.text(-0.001), "0");
  assert.equal(pairs.text(0.99933), ".99933");
  assert.equal(pairs.text(1), "1.00");
  assert.equal(pairs.text(NaN), "–");
});

test("an axis goes there and back", () => {
  for (const name of ["similarity", "distance"]) {
    const axis = pairs.axisOf(name, [0.0004, 0.2, 0.9, NaN]);
    for (const v of [0.0005, 0.3, 0.9]) assert.ok(Math.abs(axis.value(axis.place(v)) - v) < 1e-9);
  }
  assert.deepEqual(pairs.ticks(-1, 1).map(([v]) => v), [-1, -0.5, 0, 0.5, 1]);
  assert.equal(pairs.axisOf("distance", [1e-4, 1]).place(1e-4), 1); // copies at the right
});

test("an address brings the state back", () => {
  const view = { k: 2.5, x: 3, y: 4 };
  const state = { ...pairs.DEFAULTS, a: "N1", b: "N1-All [5 Epochs]", brush: [[0.5, 0.25], [1, 0]], view };
  const hash = pairs.writeFragment({ ...state, order: "behaviour", condition: 7 });
  assert.ok(!hash.includes("measure"));
  const found = { ...pairs.DEFAULTS, ...pairs.readFragment(hash) };
  assert.deepEqual(found, { ...state, order: "behaviour", condition: 7 });
  assert.deepEqual(pairs.readFragment("#view=[1,"), {});
});

test("a pair's rows are CSV, with names quoted where they must be", () => {
  const payload = { ...about, networks: ["A, the first", "B", "C", "D"], conditions: [["blur", 1]] };
  payload.means = ["blur"];
  const numbers = { ...arrays, accuracy: [0.5, 0.25, 0.1, 0.2], accuracy_low: [], accuracy_high: [] };
  const study = pairs.studyOf(payload, { ...numbers, distance: arrays.distance });
  const rows = pairs.rowsOf(study, study.ours, 0, 1).split("\n");
  assert.equal(rows[0], 'table,item,"A, the first",B,pair,low,high');
  assert.ok(rows.includes("pairs,similarity,,,0.999"));
  assert.ok(rows.includes("accuracy,blur 1,0.5,0.25"));
});
