
/* Which writes are looked at, in which order; who draws them is told of each change. */

const view = {
  filter: { service: "", cause: "", map_type: "", goid: "", trace: "", from: null, to: null },
  sort: { key: "at", descending: false },
  visible: allRows,
  chosen: null,
  listeners: [],
  changed() {
    this.visible = sorted(allRows.filter(matching(this.filter)));
    this.listeners.forEach((draw) => draw());
  },
  choose(row) {
    this.chosen = row;
    showDetails(row);
    this.listeners.forEach((draw) => draw());
  },
};

function matching({ service, cause, map_type: type, goid, trace, from, to }) {
  const tests = [];
  const exactly = (column, text) => { if (text !== "") tests.push((row) => String(column[row]) === text); };
  exactly(rows.service, service);
  exactly(rows.cause, cause);
  exactly(rows.map_type, type);
  exactly(rows.goid, goid.trim());
  const wanted = trace.trim().toLowerCase();
  if (wanted) tests.push((row) => rows.trace[row].startsWith(wanted));
  if (from !== null) tests.push((row) => rows.at[row] >= from && rows.at[row] <= to);
  return (row) => tests.every((test) => test(row));
}

/* A key for each column that can be sorted by. */
const SORT_KEYS = {
  at: (row) => rows.at[row],
  took: (row) => rows.took[row],
  cause: (row) => report.causes[rows.cause[row]],
  caller: (row) => placeText(callerOf(row)),
  map_type: (row) => nameOf(rows.map_type[row]) ?? "",
  service: (row) => nameOf(rows.service[row]) ?? "",
  goid: (row) => rows.goid[row] ?? -1,
  pid: (row) => rows.pid[row],
  trace: (row) => rows.trace[row],
};

function sorted(indices) {
  const { key, descending } = view.sort;
  if (key === "at") return descending ? indices.reverse() : indices;
  const keys = new Map();
  for (const row of indices) keys.set(row, SORT_KEYS[key](row));
  const sign = descending ? -1 : 1;
  return indices.sort((a, b) => {
    const [left, right] = [keys.get(a), keys.get(b)];
    return left < right ? -sign : left > right ? sign : a - b;
  });
}

function drawFilter() {
  const distinct = (column, text) => [...new Set(column)].filter((value) => value !== null)
    .map((value) => [String(value), text(value)]).sort((a, b) => (a[1] < b[1] ? -1 : 1));
  const set = (key) => (event) => { view.filter[key] = event.target.value; view.changed(); };
  const select = (key, label, options) => element("label", {}, label,
    element("select", { id: `filter-${key}`, onchange: set(key) }, element("option", { value: "" }, "all"),
      ...options.map(([value, text]) => element("option", { value }, text))));
  const input = (key, label, hint) => element("label", {}, label,
    element("input", { id: `filter-${key}`, type: "search", placeholder: hint, autocomplete: "off", oninput: set(key) }));
  const form = byId("filter");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.replaceChildren(
    select("service", "Service", distinct(rows.service, nameOf)),
    select("cause", "Cause", distinct(rows.cause, (cause) => causeText(report.causes[cause]))),
    select("map_type", "Map type", distinct(rows.map_type, nameOf)),
    input("goid", "Goroutine", "number"), input("trace", "Trace id", "or its beginning"),
    element("button", { type: "reset", id: "filter-reset", onclick: () => {
      Object.assign(view.filter, { service: "", cause: "", map_type: "", goid: "", trace: "", from: null, to: null });
      view.changed();
    } }, "All writes"));
}
