
/* The table of writes. Only the rows in sight are elements: a hundred thousand would not be fluid. */

const ROW_HEIGHT = 28;
const COLUMNS = [
  ["at", sinceStart ? "Since start" : "Time (UTC)", when],
  ["took", "Took", (row) => duration(rows.took[row])],
  ["cause", "Cause", (row) => element("span", {}, swatch(rows.cause[row]), causeText(report.causes[rows.cause[row]]))],
  ["caller", "Written by", (row) => placeText(callerOf(row))],
  ["map_type", "Map", (row) => nameOf(rows.map_type[row]) ?? ""],
  ["service", "Service", (row) => nameOf(rows.service[row]) ?? ""],
  ["goid", "Goroutine", (row) => String(rows.goid[row] ?? "")],
  ["pid", "Process", (row) => String(rows.pid[row])],
  ["trace", "Trace", (row) => (rows.trace[row] ? traceElement(row) : "")],
];
const NUMBERS = new Set(["took", "goid", "pid"]);
const table = { head: null, body: null, space: null };

function drawTable() {
  table.head = element("div", { class: "row head", role: "row" });
  table.space = element("div", { role: "presentation" });
  table.body = element("div", { class: "body", role: "rowgroup", tabindex: "0", "aria-label": "Slow writes", onscroll: fillRows, onkeydown: moveInTable }, table.space);
  const grid = element("div", { class: "grid", role: "table", "aria-label": "Slow writes" },
    element("div", { role: "rowgroup" }, table.head), table.body);
  byId("writes").replaceChildren(grid);
  view.listeners.push(() => { drawHead(); fillRows(); });
  drawHead();
  fillRows();
}

function drawHead() {
  const { key: by, descending } = view.sort;
  table.head.replaceChildren(...COLUMNS.map(([key, label]) => element("div", {
    role: "columnheader", class: NUMBERS.has(key) ? "number" : null,
    "aria-sort": key === by ? (descending ? "descending" : "ascending") : "none",
  }, element("button", { type: "button", id: `sort-${key}`, onclick: () => sortBy(key) },
    label + (key === by ? (descending ? " ↓" : " ↑") : "")))));
}

function sortBy(key) {
  /* Of durations the longest are wanted first. */
  const first = key === "took";
  view.sort = { key, descending: view.sort.key === key ? !view.sort.descending : first };
  table.body.scrollTop = 0;
  view.changed();
  byId(`sort-${key}`).focus();
}

function fillRows() {
  const { visible } = view;
  table.space.style.height = `${visible.length * ROW_HEIGHT}px`;
  const first = Math.max(0, Math.floor(table.body.scrollTop / ROW_HEIGHT) - 4);
  const last = Math.min(visible.length, first + Math.ceil(table.body.clientHeight / ROW_HEIGHT) + 8);
  const shown = [];
  for (let index = first; index < last; index++) shown.push(tableRow(visible[index], index));
  table.space.replaceChildren(...shown);
  let nanos = 0;
  for (const row of visible) nanos += rows.took[row];
  byId("writes-said").textContent = visible.length === rowCount
    ? `${count(rowCount)} writes` : `${count(visible.length)} of ${count(rowCount)} writes, ${duration(nanos)}`;
}

function tableRow(row, index) {
  const cells = COLUMNS.map(([key, , cell]) => {
    const content = cell(row);
    const title = typeof content === "string" ? content : null;
    return element("div", { role: "cell", class: NUMBERS.has(key) ? "number" : null, title }, content);
  });
  return element("div", {
    role: "row", class: row === view.chosen ? "row chosen" : "row", "aria-rowindex": index + 2,
    style: { top: `${index * ROW_HEIGHT}px` },
    onclick: (event) => { if (!event.target.closest("a")) view.choose(row); },
  }, ...cells);
}

function moveInTable(event) {
  const { visible } = view;
  const page = Math.floor(table.body.clientHeight / ROW_HEIGHT);
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -visible.length, End: visible.length };
  if (event.key === "Escape") view.choose(null);
  if (!(event.key in steps) || !visible.length) return;
  event.preventDefault();
  const at = visible.indexOf(view.chosen);
  const to = Math.min(visible.length - 1, Math.max(0, at + steps[event.key]));
  const top = to * ROW_HEIGHT;
  if (top < table.body.scrollTop) table.body.scrollTop = top;
  const bottom = top + ROW_HEIGHT - table.body.clientHeight;
  if (bottom > table.body.scrollTop) table.body.scrollTop = bottom;
  view.choose(visible[to]);
}
