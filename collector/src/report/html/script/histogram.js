
/* Durations: ten bars for each power of ten. */

function drawHistogram() {
  const { histogram, latency } = report.overview;
  if (!histogram.length) return;
  const [first, last] = [histogram[0][0], histogram[histogram.length - 1][0]];
  const counts = new Map(histogram);
  const highest = Math.max(...counts.values());
  const bars = [];
  for (let n = first; n <= last; n++) {
    const number = counts.get(n) ?? 0;
    const range = `${duration(10 ** (n / 10))} to ${duration(10 ** ((n + 1) / 10))}`;
    bars.push(element("div", {
      title: `${range}: ${count(number)}`,
      // A single write beside thousands is still a line.
      style: { height: number ? `max(2px, ${(100 * number) / highest}%)` : "0" },
    }));
  }
  const rank = (key, label) => element("tr", {},
    element("th", { scope: "row" }, label), element("td", { class: "number" }, duration(latency[key] * 1000)));
  byId("histogram").replaceChildren(
    element("div", { class: "bars", role: "img", "aria-label": `Histogram of ${count(latency.count)} durations, from ${duration(10 ** (first / 10))} to ${duration(10 ** ((last + 1) / 10))}` }, ...bars),
    element("div", { class: "ticks" }, element("span", {}, duration(10 ** (first / 10))), element("span", {}, duration(10 ** ((last + 1) / 10)))),
    element("table", {}, rank("p50", "P50"), rank("p90", "P90"), rank("p99", "P99"), rank("max", "Longest")),
  );
}
