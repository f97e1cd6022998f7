// What happens when: switches, keys, scrubbing, scrolling.

const here = element("here");

function setWord(word, show = true) {
  spans[state.word]?.classList.remove("now");
  state.word = Math.max(0, Math.min(wordCount - 1, word));
  spans[state.word].classList.add("now");
  if (show) showWord(state.word);
  tellWord();
  moveHead();
}

function tellWord() {
  const told = facts(state.word), place = `word ${count(state.word)} (of ${count(wordCount)})`;
  here.replaceChildren(make("b", "", data.words[state.word]), ` ${place}`);
  // The other signals come last: on a narrow screen they are what is cut off.
  const inOrder = [...told].sort((a, b) => (a[2] === "other") - (b[2] === "other"));
  for (const [label, value, kind] of inOrder) here.append(make("span", kind, ` · ${label} ${value}`));
  timeline.setAttribute("aria-valuenow", state.word);
  timeline.setAttribute("aria-valuetext", [data.words[state.word], place, ...told.map(([a, b]) => `${a} ${b}`)].join(", "));
}

// The text was scrolled: the window on the timeline goes along, and the chosen word never stays behind unseen.
let waiting = false;
function followScroll() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const seen = wordsInView();
    if (!seen) return;
    moveView(seen);
    if ((state.word < seen[0] || state.word > seen[1]) && !onScreen(state.word)) setWord(state.word < seen[0] ? seen[0] : seen[1], false);
  });
}

function goTo(kind, step) {
  const starts = kind === "people" ? people()?.consensus ?? [] : events().place;
  const next = step > 0 ? starts.find((word) => word > state.word) : starts.findLast((word) => word < state.word);
  if (next !== undefined && next < wordCount) setWord(next);
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const moves = {
    ArrowRight: () => setWord(state.word + 1), ArrowUp: () => setWord(state.word + 1),
    ArrowLeft: () => setWord(state.word - 1), ArrowDown: () => setWord(state.word - 1),
    PageUp: () => goTo("event", 1), PageDown: () => goTo("event", -1),
    Home: () => setWord(0), End: () => setWord(wordCount - 1),
  };
  if (!moves[event.key]) return;
  event.preventDefault();
  moves[event.key]();
}

function fillSelect(select, names, chosen) {
  select.replaceChildren(...names.map(([value, label]) => new Option(label, value, false, value === chosen)));
  select.value = chosen;
}

function drawSwitches() {
  fillSelect(element("method"), data.methods.map((one, i) => [String(i), one.name]), String(state.method));
  fillSelect(element("signal"), Object.keys(signals()).map((name) => [name, plain(name)]), state.signal);
  const crowds = data.people.map((one, i) => [String(i), one.name]);
  fillSelect(element("people"), [...crowds, ["-1", "hidden"]], String(state.people));
  const { low, high } = scale(), steps = make("span");
  for (let q = 0; q <= STEPS; q++) steps.append(make("i", `q${q}`));
  const unit = data.units[state.signal];
  element("scale").replaceChildren(`${plain(state.signal)} ${number(low, 0)}`, steps, `${number(high, 1)} ${unit} and more`);
  element("scale").ariaLabel = `Shading: ${plain(state.signal)}, from ${number(low, 0)} to ${number(high, 1)} ${unit} and more, darker is higher`;
}

timeline.setAttribute("aria-valuemax", wordCount - 1);

function chooseMethod(index) {
  state.method = index;
  if (!(state.signal in signals())) state.signal = method().signal;
  drawSwitches();
  drawTranscript();
  drawTimeline();
  drawEventTable();
  for (const row of document.querySelectorAll(".results tr[data-method]")) {
    row.classList.toggle("chosen", row.dataset.method === method().name);
  }
  setWord(state.word);
}

element("method").addEventListener("change", (event) => chooseMethod(Number(event.target.value)));
element("signal").addEventListener("change", (event) => {
  state.signal = event.target.value;
  drawSwitches();
  shade();
  drawTimeline();
  tellWord();
});
element("people").addEventListener("change", (event) => {
  state.people = Number(event.target.value);
  markPeople();
  drawTimeline();
  tellWord();
});
element("event-list").addEventListener("toggle", drawEventTable);
timeline.addEventListener("keydown", onKey);

let scrubbing = false;
const scrub = (event) => setWord(wordAt(event.clientX - timeline.getBoundingClientRect().left));
timeline.addEventListener("pointerdown", (event) => {
  scrubbing = true;
  timeline.setPointerCapture(event.pointerId);
  scrub(event);
});
timeline.addEventListener("pointermove", (event) => {
  if (scrubbing) scrub(event);
  else if (event.pointerType === "mouse") showTip(wordAt(event.clientX - timeline.getBoundingClientRect().left), event.clientX, event.clientY);
});
for (const end of ["pointerup", "pointercancel"]) timeline.addEventListener(end, () => { scrubbing = false; });
timeline.addEventListener("pointerleave", hideTip);

root.addEventListener("pointerover", (event) => {
  const word = event.target.dataset?.w;
  if (word !== undefined && event.pointerType === "mouse") showTip(Number(word), event.clientX, event.clientY);
  else hideTip();
});
root.addEventListener("pointerleave", hideTip);
document.addEventListener("click", (event) => {
  const { w, go, step, csv: kind, event: chosen } = event.target.dataset ?? {};
  if (w !== undefined && window.getSelection().isCollapsed) setWord(Number(w));
  if (go) goTo(go, Number(step));
  if (kind) download(kind);
  if (chosen !== undefined) setWord(Math.min(events().place[chosen], wordCount - 1));
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
document.addEventListener("scroll", () => { hideTip(); followScroll(); }, { passive: true });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTimeline);
let drawnWidth = 0;
new ResizeObserver(() => {
  document.documentElement.style.setProperty("--bar", `${element("bar").offsetHeight}px`);
  if (timeline.clientWidth !== drawnWidth) { drawnWidth = timeline.clientWidth; drawTimeline(); }
}).observe(element("bar"));

for (const select of document.querySelectorAll(".controls select")) select.autocomplete = "off";
chooseMethod(0);
