
/* Before and after: only where two recordings were compared. */

function drawComparison() {
  const { comparison } = report;
  byId("comparison").hidden = !comparison;
  if (!comparison) return;
  const { before, after } = comparison;
  const cell = (text, id) => element("td", { class: "number", id }, text);
  const row = (label, left, right, ratio) => element("tr", {}, element("th", { scope: "row" }, label), cell(left), cell(right), cell(ratioText(ratio)));
  const rate = (side) => count(side.count) + (side.count_per_minute === null ? "" : ` (${side.count_per_minute.toFixed(1)} a minute)`);
  const lost = (side) => duration(side.nano) + (side.nano_per_minute === null ? "" : ` (${duration(side.nano_per_minute)} a minute)`);
  const known = (nanos) => (nanos === null ? "" : duration(nanos));
  const main = [row("Slow writes", rate(before), rate(after), comparison.rate_ratio), row("Time lost", lost(before), lost(after), null),
    ...comparison.percentiles.map((one) => row(one.name.toUpperCase(), known(one.before_nano), known(one.after_nano), one.ratio))];
  const groups = comparison.groups.map((group) => element("tr", {},
    element("th", { scope: "row", class: "place" }, `${group.caller}, ${causeText(group.cause)}`),
    cell(`${count(group.before.count)}, ${duration(group.before.nano)}`),
    cell(`${count(group.after.count)}, ${duration(group.after.nano)}`), cell(ratioText(group.rate_ratio))));
  const head = ["", `Before: ${before.directory}`, `After: ${after.directory}`, "After as a multiple"].map((text, index) =>
    element("th", { scope: "col", class: index ? "number" : null }, text));
  const more = comparison.groups_more ? [element("p", { class: "dim" }, `and ${count(comparison.groups_more)} more`)] : [];
  byId("comparison").replaceChildren(
    element("h2", { id: "comparison-title" }, "Before and after"),
    ...comparison.caveats.map((text) => element("p", { class: "warning" }, text)),
    element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...main, ...groups))),
    ...more, element("p", { class: "dim" }, comparison.method));
}

function ratioText(ratio) {
  if (!ratio) return "";
  const bounds = ratio.high === null ? `at least ${ratio.low.toFixed(3)}` : `${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)}`;
  return `${ratio.value === null ? "?" : ratio.value.toFixed(3)} (${bounds})`;
}
