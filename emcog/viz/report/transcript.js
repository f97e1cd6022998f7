// The story: events as blocks, words as spans, people's boundaries in the margin.

const LONG = 220; // words after which a paragraph without breaks of its own is broken at a sentence's end
const root = element("text");
let spans = []; // by word, its first piece
let chunks = []; // paragraphs, in order: each knows its first and last word
const inView = new Set();

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) inView.add(entry.target); else inView.delete(entry.target);
  }
  followScroll();
});

function drawTranscript() {
  watcher.disconnect();
  inView.clear();
  spans = new Array(wordCount);
  chunks = [];
  const { place, cut } = events();
  const speakers = new Map(data.speakers);
  const all = document.createDocumentFragment();
  for (let e = 0; e < place.length; e++) {
    const last = e + 1 < place.length ? [place[e + 1], cut[e + 1]] : [wordCount, 0];
    all.append(eventBlock(e, [place[e], cut[e]], last, speakers));
  }
  root.replaceChildren(all);
  root.classList.toggle("alone", !people());
  shade();
  markPeople();
  for (const chunk of chunks) {
    // The height that is assumed until it comes into view: about nine words a line.
    chunk.style.containIntrinsicBlockSize = `auto ${Math.ceil((chunk.last - chunk.first + 1) / 9) * 2}rem`;
    watcher.observe(chunk);
  }
}

function eventBlock(e, [first, from], [stop, to], speakers) {
  const block = make("section", "event");
  block.id = `event-${e}`;
  block.append(eventHeading(e));
  const body = make("div");
  block.append(body);
  let chunk = null, length = 0;
  for (let w = first; w < stop + (to > 0 ? 1 : 0); w++) {
    const gap = data.gaps[w] ?? (w > 0 ? " " : "");
    const paragraph = /\n\s*\n/.test(gap) || (speakers.get(w) && w > first);
    const sentence = length >= LONG && /[.!?…。！？]["'”’»)]*$/.test(data.words[w - 1]);
    if (chunk === null || paragraph || sentence || length >= 2 * LONG) {
      chunk = make("p");
      chunk.dir = "auto";
      chunk.first = w;
      chunks.push(chunk);
      body.append(chunk);
      length = 0;
      if (gap.trim()) chunk.append(gap);
    } else if (w > first || from === 0) chunk.append(gap);
    if (speakers.get(w)) chunk.append(make("span", "who", speakers.get(w)));
    const text = data.words[w].slice(w === first ? from : 0, w === stop ? to : undefined);
    const span = make("span", "w", text);
    span.dataset.w = w;
    spans[w] ??= span;
    chunk.append(span);
    chunk.last = w;
    length += 1;
  }
  if (chunk === null) body.append(make("p", "nobody", "(no word begins here)"));
  else if (stop === wordCount) chunk.append(data.gaps[wordCount] ?? "");
  return block;
}

function eventHeading(e) {
  const { start_word, end_word, onset_s, offset_s, surprise, n_tokens } = events();
  const heading = make("h3");
  heading.append(make("b", "", `Event ${e}`), " ");
  const parts = [];
  if (onset_s && onset_s[e] !== null) parts.push(`${clock(onset_s[e])} – ${clock(offset_s?.[e])}`);
  parts.push(`words ${wordRange(start_word[e], end_word[e])}, ${count(n_tokens[e])} token${n_tokens[e] === 1 ? "" : "s"}`);
  if (surprise[e] !== null) parts.push(`${number(surprise[e])} ${data.units[method().signal]} at its start`);
  for (const part of parts) heading.append(make("span", "", part), " ");
  return heading;
}

function shade() {
  const shown = values();
  for (const span of root.querySelectorAll(".w")) {
    const value = shown[span.dataset.w];
    const kept = (span.classList.contains("now") ? " now" : "") + (span.classList.contains("start") ? " start" : "");
    span.className = (value === null ? "w none" : `w q${level(value)}`) + kept;
  }
}

function markPeople() {
  for (const old of root.querySelectorAll(".agreed, .some")) old.remove();
  for (const old of root.querySelectorAll(".start")) old.classList.remove("start");
  root.classList.toggle("alone", !people());
  const crowd = people();
  if (!crowd) return;
  const agreed = new Set(crowd.consensus);
  for (const [word, share] of Object.entries(crowd.share ?? {})) {
    if (agreed.has(Number(word)) || !spans[word]) continue;
    const dot = make("span", "some");
    dot.style.setProperty("--share", share);
    dot.ariaHidden = "true"; // said with the word's other numbers
    spans[word].before(dot);
  }
  for (const word of agreed) {
    if (!spans[word]) continue;
    const sign = make("span", "agreed", "▶");
    sign.role = "img";
    sign.ariaLabel = "People: an event begins";
    spans[word].before(sign);
    spans[word].classList.add("start");
  }
}

// First and last word on the screen, below the bar. Only paragraphs that are in view are measured.
function wordsInView() {
  if (inView.size === 0) return null;
  const shown = [...inView].sort((a, b) => a.first - b.first);
  const top = element("bar").getBoundingClientRect().bottom, bottom = window.innerHeight;
  const above = (w) => spans[w].getBoundingClientRect().top < top - 2;
  const below = (w) => spans[w].getBoundingClientRect().bottom <= bottom;
  const from = shown.find((chunk) => chunk.getBoundingClientRect().bottom > top) ?? shown[0];
  const to = shown[shown.length - 1];
  const first = Math.min(firstNot(above, from), wordCount - 1);
  return [first, Math.max(firstNot(below, to) - 1, first)];
}

function firstNot(test, chunk) {
  let low = chunk.first, high = chunk.last + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (test(middle)) low = middle + 1; else high = middle;
  }
  return Math.min(low, chunk.last + 1);
}

function showWord(word) {
  if (!onScreen(word, 24)) spans[word].scrollIntoView({ block: "center", behavior: "instant" });
}

function onScreen(word, spare = -2) {
  const box = spans[word].getBoundingClientRect();
  return box.top >= element("bar").getBoundingClientRect().bottom + spare && box.bottom <= window.innerHeight - spare;
}
