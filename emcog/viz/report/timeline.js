// The timeline: the whole story on one canvas that is drawn once; only two light boxes move above it.

const timeline = element("timeline");
const canvas = timeline.querySelector("canvas");
const viewBox = timeline.querySelector(".view");
const headBox = timeline.querySelector(".head");
const ROW = 13, PEOPLE = 20, AXIS = 18, SIGNAL = 58;
let gutter = 0, width = 1;

const toX = (value) => gutter + ((value - axis.first) / (axis.last - axis.first)) * (width - gutter);
const wordX = (word) => toX(axis.x[Math.min(word, wordCount)]);
const boundaryAt = ({ place, cut }, e) => axis.x[place[e]] + (cut[e] > 0 ? (axis.x[place[e] + 1] - axis.x[place[e]]) / 2 : 0);

function wordAt(x) {
  const value = axis.first + ((x - gutter) / Math.max(width - gutter, 1)) * (axis.last - axis.first);
  return Math.max(0, Math.min(wordCount - 1, lastAtOrBefore(axis.x, value)));
}

function drawTimeline() {
  const height = SIGNAL + 4 + data.methods.length * ROW + (people() ? PEOPLE : 0) + AXIS;
  timeline.style.setProperty("--tall", `${height}px`);
  width = timeline.clientWidth;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  const names = [...data.methods.map((m) => m.name), ...(people() ? ["people"] : [])];
  gutter = Math.ceil(Math.min(Math.max(...names.map((name) => pen.measureText(name).width)) + 8, width * 0.2));
  const style = getComputedStyle(document.documentElement);
  const ink = (name) => style.getPropertyValue(`--${name}`).trim();
  drawBands(pen, ink);
  drawSignal(pen, ink);
  let y = SIGNAL + 4;
  for (const [i, one] of data.methods.entries()) {
    drawTicks(pen, one.events.place.map((_, e) => boundaryAt(one.events, e)).slice(1), y, one.name,
      i === state.method ? ink("model") : ink("quiet"), i === state.method);
    y += ROW;
  }
  if (people()) drawPeople(pen, ink, y);
  drawAxis(pen, ink, height);
  moveHead();
  followScroll();
}

function drawBands(pen, ink) {
  const all = events(), starts = all.place.map((_, e) => toX(boundaryAt(all, e)));
  starts.push(width);
  pen.fillStyle = ink("faint");
  for (let e = 0; e < all.place.length; e += 2) pen.fillRect(starts[e], 0, starts[e + 1] - starts[e], SIGNAL);
  pen.fillStyle = ink("model");
  for (let e = 1; e < all.place.length; e++) pen.fillRect(starts[e] - 0.5, 0, 1, SIGNAL);
}

function drawSignal(pen, ink) {
  const shown = values(), { low, high } = scale();
  const at = (value) => SIGNAL - 2 - ((Math.min(value, high) - low) / (high - low)) * (SIGNAL - 6);
  const columns = Math.max(1, Math.floor(width - gutter));
  const top = new Float64Array(columns).fill(-Infinity);
  for (let w = 0; w < wordCount; w++) {
    if (shown[w] === null) continue;
    const column = Math.max(0, Math.min(columns - 1, Math.floor(wordX(w) - gutter)));
    top[column] = Math.max(top[column], shown[w]);
  }
  pen.fillStyle = ink("bars");
  const bar = Math.max(1, Math.min(4, (columns / wordCount) * 0.6));
  for (let c = 0; c < columns; c++) if (top[c] > -Infinity) pen.fillRect(gutter + c, at(top[c]), bar, SIGNAL - at(top[c]));
  const smooth = smoothed(shown, Math.max(8, Math.round(wordCount / columns) * 3));
  pen.strokeStyle = ink("smooth");
  pen.lineWidth = 1.4;
  pen.beginPath();
  for (let w = 0; w < wordCount; w++) if (smooth[w] !== null) pen.lineTo(wordX(w), at(smooth[w]));
  pen.stroke();
}

// Mean of the values that are there, over `reach` words on both sides.
function smoothed(shown, reach) {
  const sums = new Float64Array(wordCount + 1), counts = new Float64Array(wordCount + 1);
  shown.forEach((v, w) => { sums[w + 1] = sums[w] + (v ?? 0); counts[w + 1] = counts[w] + (v === null ? 0 : 1); });
  return shown.map((_, w) => {
    const a = Math.max(0, w - reach), b = Math.min(wordCount, w + reach + 1);
    return counts[b] > counts[a] ? (sums[b] - sums[a]) / (counts[b] - counts[a]) : null;
  });
}

function rowLabel(pen, name, y, colour, strong) {
  pen.fillStyle = colour;
  pen.font = `${strong ? "600 " : ""}11px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillText(name, 0, y + ROW / 2, gutter - 4);
}

function drawTicks(pen, places, y, name, colour, strong) {
  rowLabel(pen, name, y, colour, strong);
  for (const place of places) pen.fillRect(toX(place) - (strong ? 1 : 0.5), y + 2, strong ? 2 : 1, ROW - 4);
}

function drawPeople(pen, ink, y) {
  const crowd = people();
  rowLabel(pen, "people", y + (PEOPLE - ROW) / 2, ink("people"), true);
  const marked = Object.entries(crowd.share ?? {}), most = Math.max(...marked.map(([, share]) => share));
  for (const [word, share] of marked) {
    const tall = (share / most) * (PEOPLE - 10);
    pen.fillRect(wordX(Number(word)) - 0.5, y + PEOPLE - 2 - tall, 1, tall);
  }
  for (const word of crowd.consensus) { // triangles, as in the text's margin
    const x = wordX(word);
    pen.beginPath();
    pen.moveTo(x - 3.5, y + 1);
    pen.lineTo(x + 3.5, y + 1);
    pen.lineTo(x, y + 7);
    pen.fill();
    if (!crowd.share) pen.fillRect(x - 0.75, y + 1, 1.5, PEOPLE - 3);
  }
}

function drawAxis(pen, ink, height) {
  const span = axis.last - axis.first, most = Math.max(2, Math.floor((width - gutter) / 85));
  const nice = axis.seconds ? [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200] : [];
  for (let k = 1; k <= 1e8; k *= 10) if (!axis.seconds) nice.push(k, 2 * k, 5 * k);
  const step = nice.find((s) => span / s <= most) ?? span;
  pen.fillStyle = ink("quiet");
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "alphabetic";
  for (let v = 0; v <= axis.last; v += step) {
    const x = toX(v), said = axis.seconds ? clock(v).replace(/\.0$/, "") : v ? count(v) : "0 words";
    const wide = pen.measureText(said).width;
    pen.fillRect(Math.min(x, width - 1), height - AXIS, 1, 4);
    pen.fillText(said, Math.max(gutter, Math.min(x - wide / 2, width - wide)), height - 3);
  }
}

function moveHead() {
  headBox.style.transform = `translateX(${wordX(state.word).toFixed(1)}px)`;
}

function moveView([first, last]) {
  const left = wordX(first), right = Math.max(wordX(last + 1), left + 2);
  viewBox.style.transform = `translateX(${left.toFixed(1)}px) scaleX(${((right - left) / 1000).toFixed(5)})`;
}
