
/* The first screen: how many, how much time, who. */

function drawOverview() {
  const { overview, summary } = report;
  document.title = `${count(overview.count)} slow map writes: ${report.directory}`;
  byId("overview").replaceChildren(
    element("h1", {}, `Slow map writes: ${report.directory}`),
    element("p", { class: "dim" }, circumstances(summary)),
    ...warnings(),
    figures(overview),
    ...worstCallers(overview),
  );
}

function circumstances(summary) {
  if (!summary) return "The recording was cut off before its end.";
  const services = summary.targets.map((target) => target.service_name ?? target.executable);
  const distinct = [...new Set(services)].join(", ");
  const began = new Date(summary.started_unix_nano / 1e6).toISOString().slice(0, 19).replace("T", " ");
  return `${distinct || "No service"}, ${duration(summary.duration_nano)} from ${began} UTC on; ` +
    `slow is ${duration(summary.threshold_nano)} or more. By slowmap ${summary.version}, mode ${summary.mode}.` +
    (sinceStart ? " Times are those since the start of each process." : "");
}

function warnings() {
  const said = [];
  const { summary, unread, overview } = report;
  if (!summary) said.push("The recording was cut off: losses, cost and time are not known.");
  if (unread.lines) said.push(`${count(unread.lines)} lines of events.jsonl could not be read and are not in here.`);
  if (rowCount < overview.count) {
    said.push(`Timeline and table have the ${count(rowCount)} slowest of ${count(overview.count)} writes; all other figures are of all.`);
  }
  if (summary?.losses.total) said.push(`${count(summary.losses.total)} events or writes were lost, see below.`);
  return said.map((text) => element("p", { class: "warning" }, text));
}

function figures(overview) {
  const figure = (id, value, text, label) =>
    element("li", {}, element("data", { id, value }, text), element("span", {}, label));
  const list = [
    figure("figure-writes", overview.count, count(overview.count), "slow writes"),
    figure("figure-time", overview.nano, duration(overview.nano), "lost in them"),
  ];
  const latency = overview.latency;
  if (latency) {
    for (const [key, label] of [["p50", "P50"], ["p90", "P90"], ["p99", "P99"], ["max", "longest"]]) {
      list.push(figure(`figure-${key}`, latency[key], duration(latency[key] * 1000), label));
    }
  }
  list.push(figure("figure-traces", overview.in_a_trace, count(overview.in_a_trace), "in a trace"));
  return element("ul", { class: "figures" }, ...list);
}

function worstCallers({ callers, nano }) {
  if (!callers.length) return [element("p", {}, "No slow map write was recorded.")];
  const head = element("tr", {}, ...["Written by", "Slow writes", "Time lost", "Longest", "Mostly"].map((text, index) =>
    element("th", { class: index > 0 && index < 4 ? "number" : null, scope: "col" }, text)));
  const body = callers.slice(0, 5).map((caller) => {
    const main = caller.parts.indexOf(Math.max(...caller.parts));
    return element("tr", {},
      element("td", { class: "place", title: fullPlace(caller.place) }, placeText(caller.place)),
      element("td", { class: "number" }, count(caller.count)),
      element("td", { class: "number" }, `${duration(caller.nano)} (${percent(caller.nano / nano)})`),
      element("td", { class: "number" }, duration(caller.max_nano)),
      caller.parts[main] > 0
        ? element("td", {}, swatch(main), causeText(report.causes[main]))
        : element("td", {}, "not explained"));
  });
  return [element("div", { class: "scroll" }, element("table", { id: "worst-callers" }, element("thead", {}, head), element("tbody", {}, ...body)))];
}
