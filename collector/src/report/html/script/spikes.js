
/* The service's own durations, as `slowmap correlate` had them: their spikes here, all of them in the timeline. */

const VERDICTS = {
  explained: "Slow map writes explain more of them than chance would.",
  undecided: "Chance may explain them: record for longer.",
  not_explained: "Slow map writes do not explain them.",
  no_spikes: "There are no spikes in the recording's time.",
};

function drawSpikes() {
  const { spikes: told } = report;
  byId("spikes").hidden = !told;
  if (!told) return;
  const head = ["When (UTC)", "Height", "Explained", "By"].map((text, index) =>
    element("th", { scope: "col", class: index === 1 || index === 2 ? "number" : null }, text));
  const body = told.spikes.map((spike) => element("tr", {},
    element("td", {}, new Date(spike.time_unix_nano / 1e6).toISOString().slice(11, 23)),
    element("td", { class: "number" }, duration(spike.value_nano)),
    element("td", { class: "number" }, spike.explained ? percent(spike.share) : "no"),
    element("td", { class: "place" }, spike.explained ? writerText(spike.by) : "")));
  byId("spikes").replaceChildren(
    element("h2", { id: "spikes-title" }, "Spikes of the service's own durations"),
    element("p", { class: "dim" }, `${told.query ?? told.csv}: ${duration(told.median_nano)} usually; a spike is above ${duration(told.above_nano)}.`),
    element("p", {}, `${VERDICTS[told.verdict] ?? ""} ${chanceText(told)}`),
    ...(body.length ? [element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)))] : []));
}

function chanceText({ chance, spikes, spikes_explained: explained }) {
  if (!chance) return "";
  return `${explained} of ${spikes.length} are explained; by chance it would be ${chance.expected.toFixed(1)} (p = ${chance.p_value.toFixed(4)}).`;
}

function writerText(by) {
  const file = by.caller_file === null ? "" : ` ${shortFile(by.caller_file)}:${by.caller_line ?? "?"}`;
  const writes = by.writes === 1 ? "1 write" : `${count(by.writes)} writes`;
  return `${by.caller ?? "(not known)"}${file}: ${writes}, the longest ${duration(by.longest_nano)}, ${causeText(by.cause)}`;
}

/* The service's requests a second, in the same way. */
function ratePoints() {
  const origin = Number(rows.origin_unix_nano);
  return report.spikes?.rate && !sinceStart ? report.spikes.rate.points.map(({ time, per_second: rate }) => [time - origin, rate]) : [];
}

const rateText = (rate) => `${count(Number(rate.toPrecision(3)))} requests/s`;

/* Places in the timeline, as of the writes; since the start of a process a service's durations have none. */
function seriesPoints() {
  const origin = Number(rows.origin_unix_nano);
  return report.spikes && !sinceStart ? report.spikes.points.map(({ time, value }) => [time - origin, value]) : [];
}
