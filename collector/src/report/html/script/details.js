
/* A write in full, below the table. */

function showDetails(row) {
  const panel = byId("details");
  panel.hidden = row === null;
  if (row === null) return;
  const took = rows.took[row];
  const parts = [];
  for (let index = 0; index < rows.parts[row].length; index += 2) {
    parts.push({ cause: rows.parts[row][index], nano: rows.parts[row][index + 1] });
  }
  parts.sort((a, b) => b.nano - a.nano);
  const rest = took - parts.reduce((sum, { nano }) => sum + nano, 0);
  const items = parts.map(({ cause, nano }) => element("li", {}, swatch(cause), `${causeText(report.causes[cause])}: ${duration(nano)}`));
  if (rest > 0) items.push(element("li", {}, `not explained: ${duration(rest)}`));
  const sizes = [["entries", rows.map_len], ["slots before", rows.capacity_before], ["slots after", rows.capacity_after]]
    .filter(([, column]) => column[row] !== null).map(([label, column]) => `${count(column[row])} ${label}`);
  const frames = stackOf(row).frames.map((number) => fullPlace(report.stacks.frames[number]).replace("\n", "\n\t"));
  panel.replaceChildren(
    element("strong", {}, `${duration(took)}${rows.lower_bound[row] ? " or more" : ""} ${sinceStart ? `${when(row)} after the start of its process` : `at ${when(row)} UTC`}`),
    element("p", {}, [`goroutine ${rows.goid[row] ?? "not known"}`, `process ${rows.pid[row]}`, nameOf(rows.map_type[row]) ?? "map type not known", ...sizes].join(", ")),
    rows.trace[row] ? element("p", {}, "trace ", traceElement(row), ` span ${rows.span[row]}`) : element("p", {}, "in no known trace"),
    element("ul", {}, ...items),
    element("pre", { tabindex: "0", "aria-label": "Stack" }, frames.join("\n") || "no stack"));
}

function traceElement(row) {
  const link = traceLink(row);
  const id = element("code", {}, rows.trace[row]);
  return link ? element("a", { href: link, rel: "noreferrer" }, id) : id;
}
