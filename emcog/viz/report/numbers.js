// The numbers of a word on hover, the table of events, and the data as CSV.

const tip = element("tip");

function showTip(word, x, y) {
  tip.replaceChildren(make("b", "", data.words[word]), make("span", "", ` word ${count(word)}`), make("dl"));
  for (const [label, value, kind] of facts(word)) tip.lastChild.append(make("dt", kind, label), make("dd", kind, value));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(x - box.width / 2, window.innerWidth - box.width - 8));
  const top = y + 22 + box.height < window.innerHeight ? y + 22 : Math.max(8, y - box.height - 18);
  tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

function hideTip() { tip.hidden = true; }

function eventText(e) {
  const { place, cut } = events(), stop = e + 1 < place.length ? place[e + 1] : wordCount;
  const to = e + 1 < place.length ? cut[e + 1] : 0;
  let text = "";
  for (let w = place[e]; w < stop + (to > 0 ? 1 : 0); w++) {
    if (w > place[e]) text += data.gaps[w] ?? " ";
    text += data.words[w].slice(w === place[e] ? cut[e] : 0, w === stop ? to : undefined);
  }
  return text;
}

function drawEventTable() {
  const all = events(), table = element("event-table");
  element("event-count").textContent = `${count(all.place.length)} event${all.place.length === 1 ? "" : "s"} by ${method().name}: the table`;
  if (!element("event-list").open) { table.replaceChildren(); return; }
  const unit = data.units[method().signal];
  const head = ["Event", "Words", ...(all.onset_s ? ["Onset (s)", "Offset (s)"] : []), "Tokens", `Surprise (${unit})`, "Begins"];
  const top = make("thead"), row = make("tr"), body = make("tbody");
  for (const name of head) {
    const cell = make("th", "", name);
    cell.scope = "col";
    row.append(cell);
  }
  top.append(row);
  all.place.forEach((_, e) => body.append(eventRow(e, all)));
  table.replaceChildren(top, body);
}

function eventRow(e, all) {
  const row = make("tr"), go = make("button", "", String(e)), first = make("td");
  go.type = "button";
  go.dataset.event = e;
  go.ariaLabel = `Go to event ${e}`;
  first.append(go);
  const cells = [wordRange(all.start_word[e], all.end_word[e])];
  if (all.onset_s) cells.push(number(all.onset_s[e]), number(all.offset_s?.[e]));
  cells.push(count(all.n_tokens[e]), number(all.surprise[e]), eventText(e).slice(0, 110).split(/\s+/).slice(0, 12).join(" "));
  row.append(first, ...cells.map((cell) => make("td", "", cell)));
  row.lastChild.dir = "auto";
  return row;
}

function csv(columns, rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

// Numbers in these files count from 0, as in the tables that emcog writes.
const files = {
  words() {
    const heard = signals(), crowd = people(), agreed = new Set(crowd?.consensus);
    const columns = ["word_index", "word", "onset_s", "offset_s", ...Object.keys(heard), "event"];
    if (crowd) columns.push("people_boundary", ...(crowd.share ? ["people_share"] : []));
    const rows = data.words.map((word, w) => {
      const row = [w, word, data.onset?.[w], data.offset?.[w], ...Object.values(heard).map((column) => column[w]), eventOf(w)];
      if (crowd) row.push(agreed.has(w) ? 1 : 0, ...(crowd.share ? [crowd.share[w] ?? 0] : []));
      return row;
    });
    return csv(columns, rows);
  },
  events() {
    const all = events();
    const columns = ["onset_s", "offset_s", "start_token", "end_token", "start_word", "end_word", "n_tokens", "surprise"];
    const rows = all.place.map((_, e) => [e, ...columns.map((name) => all[name]?.[e]), eventText(e)]);
    return csv(["event", ...columns, "text"], rows);
  },
  results: () => csv(data.results.columns, data.results.rows),
};

function download(kind) {
  const name = [data.title, kind === "results" ? "" : method().name, kind].filter(Boolean).join(".");
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([files[kind]()], { type: "text/csv" }));
  link.download = `${name.replace(/[/\\:*?"<>|\s]+/g, "_")}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
