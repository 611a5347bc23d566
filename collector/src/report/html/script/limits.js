
/* What the recording took from the service, and what it does not have. */

function drawLimits() {
  const { summary } = report;
  if (!summary) {
    byId("limits").replaceChildren(element("p", {}, "Not known: the recording was cut off before it was said."));
    return;
  }
  byId("limits").replaceChildren(losses(summary.losses), cost(summary), uncovered(summary), ...skipped(summary.skipped),
    element("p", { class: "dim" }, "A write is found by what makes it slow. Waiting for a lock around a map, sync.Map from Go 1.24 on, and what the machine takes without a trace are not in here; docs/limits.md has the whole list."));
}

function losses({ total, by_reason: reasons }) {
  const named = Object.entries(reasons).map(([reason, number]) => `${count(number)} ${reason.replaceAll("_", " ")}`);
  return element("p", {}, "Lost: ", element("data", { id: "figure-lost", value: total }, count(total)), named.length ? ` (${named.join(", ")})` : "");
}

function cost(summary) {
  const known = summary.targets.filter((target) => target.estimated_cost_nano !== null);
  if (!known.length) return element("p", {}, "What the probes cost was not measured.");
  const body = known.map((target) => element("tr", {},
    element("td", {}, `${target.service_name ?? target.executable} (${target.pid})`),
    element("td", { class: "number" }, duration(target.estimated_cost_nano)),
    element("td", { class: "number" }, target.estimated_cost_share === null ? "" : percent(target.estimated_cost_share))));
  const head = ["Service", "Probes took, by estimate", "Of its CPU time"].map((text, index) =>
    element("th", { scope: "col", class: index ? "number" : null }, text));
  return element("div", { class: "scroll" }, element("table", { id: "cost" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
}

/* Pairs of probes that were taken out for the budget. */
function uncovered(summary) {
  const pairs = summary.targets.flatMap((target) => target.probe_pairs.filter((pair) => pair.covered < 1)
    .map((pair) => element("li", {}, `${causeText(pair.pair)} in ${target.service_name ?? target.executable} (${target.pid}): seen ${percent(pair.covered)} of the time`)));
  if (!pairs.length) return element("p", {}, `All probes were in place all the time (the budget was ${summary.budget_percent} % of each service's CPU time).`);
  return element("div", {}, element("p", {}, `Given up to keep within ${summary.budget_percent} % of each service's CPU time:`), element("ul", {}, ...pairs));
}

function skipped(processes) {
  if (!processes.length) return [];
  const items = processes.map(({ pid, executable, reason }) => element("li", {}, `${executable} (${pid}): ${reason}`));
  return [element("p", {}, "Processes that were not recorded:"), element("ul", {}, ...items)];
}
