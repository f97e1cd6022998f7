// The report's data, and what all parts ask of it. Words and events are counted from 0, as in the tables.

const data = JSON.parse(document.getElementById("data").textContent);
const wordCount = data.words.length;
const state = { method: 0, signal: data.methods[0].signal, people: data.people.length ? 0 : -1, word: 0 };

const element = (id) => document.getElementById(id);
const method = () => data.methods[state.method];
const events = () => method().events;
const signals = () => data.signals[method().signals];
const values = () => signals()[state.signal];
const people = () => (state.people < 0 ? null : data.people[state.people]);
const timed = data.onset !== null;

function make(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text; // never innerHTML: a story is text, whatever is in it
  return made;
}

function lastAtOrBefore(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// The event that a word begins in: an event that begins inside the word does not hold the word's beginning.
function eventOf(word) {
  const { place, cut } = events();
  let found = lastAtOrBefore(place, word);
  while (found > 0 && place[found] === word && cut[found] > 0) found -= 1;
  return Math.max(found, 0);
}

const number = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));
const count = (value) => value.toLocaleString("en-US");
const wordRange = (first, stop) => (stop > first ? `${count(first)}–${count(stop - 1)}` : "none");
const plain = (name) => name.replaceAll("_", " ");

function clock(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600), rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

// Where each word stands on the timeline: at its onset where most words have one, else at its number.
const axis = (() => {
  const known = timed ? data.onset.filter((t) => t !== null).length : 0;
  const seconds = known * 2 >= wordCount;
  const x = new Float64Array(wordCount + 1);
  let before = -1;
  for (let i = 0; i < wordCount; i++) {
    if (!seconds) { x[i] = i; continue; }
    if (data.onset[i] === null) continue;
    for (let j = before + 1; j < i; j++) { // words without a time: evenly between their neighbours
      const from = before < 0 ? data.onset[i] : x[before];
      x[j] = before < 0 ? from : from + ((data.onset[i] - from) * (j - before)) / (i - before);
    }
    x[i] = before < 0 ? data.onset[i] : Math.max(data.onset[i], x[before]);
    before = i;
  }
  for (let j = before + 1; seconds && j < wordCount; j++) x[j] = x[before];
  const ends = seconds ? data.offset.filter((t) => t !== null) : [];
  x[wordCount] = seconds ? ends.reduce((a, b) => Math.max(a, b), x[wordCount - 1]) : wordCount;
  const first = Math.min(x[0], 0);
  return { seconds, x, first, last: Math.max(x[wordCount], first + 1e-3) };
})();

// The scale of the shading: from 0 (or the lowest value) in eight equal steps to the 99th percentile, and beyond.
const STEPS = 8;
const scales = new Map();
function scale() {
  const shown = values();
  if (!scales.has(shown)) {
    const sorted = Float64Array.from(shown.filter((v) => v !== null)).sort();
    const low = Math.min(0, sorted[0] ?? 0), high = sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 1;
    scales.set(shown, { low, high: high > low ? high : low + 1, top: sorted[sorted.length - 1] ?? 1 });
  }
  return scales.get(shown);
}

function level(value) {
  const { low, high } = scale();
  return Math.max(0, Math.min(STEPS, Math.floor(((value - low) / (high - low)) * STEPS + 1e-9)));
}

// What is said of a word, in the line under the timeline, on hover and to a screen reader: [label, value, kind].
function facts(word) {
  const told = [];
  if (timed) told.push(["time", `${clock(data.onset[word])} – ${clock(data.offset[word])}`, ""]);
  for (const [name, column] of Object.entries(signals())) {
    told.push([plain(name), column[word] === null ? "undefined" : `${number(column[word])} ${data.units[name]}`, name === state.signal ? "chosen" : "other"]);
  }
  const event = eventOf(word);
  told.push(["event", `${count(event)} (of ${count(events().place.length)})`, ""]);
  const crowd = people();
  if (crowd) {
    const agreed = crowd.consensus.includes(word), share = crowd.share?.[word];
    const marked = share ? `${Math.round(share * crowd.n)} of ${crowd.n} marked this word` : "";
    if (agreed || marked) told.push(["people", [agreed ? "boundary" : "", marked].filter(Boolean).join(", "), ""]);
  }
  return told;
}
