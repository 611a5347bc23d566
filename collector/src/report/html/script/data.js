
/* What the page shows; collector/src/report/html/data.rs says what is in it. */

const report = JSON.parse(byId("data").textContent);
const rows = report.rows;
const rowCount = rows.at.length;
const allRows = Uint32Array.from({ length: rowCount }, (_, row) => row);

const nameOf = (number) => (number === null ? null : report.names[number]);

/* The last two parts of a path say enough beside a line. */
const shortFile = (file) => file.split("/").slice(-2).join("/");

function placeText([fn, file, line]) {
  const where = file === null ? "" : `${shortFile(nameOf(file))}:${line ?? "?"}`;
  return [nameOf(fn) ?? "(not known)", where].filter(Boolean).join(" ");
}

function fullPlace([fn, file, line]) {
  return `${nameOf(fn) ?? "(not known)"}\n${nameOf(file) ?? "?"}:${line ?? "?"}`;
}

/* Of day, or since its process began. */
const sinceStart = rows.origin_unix_nano === null;
const when = (row) => (sinceStart ? `+${duration(rows.at[row])}` : instant(rows.origin_unix_nano, rows.at[row]));

const stackOf = (row) => report.stacks.stacks[rows.stack[row]];

const UNKNOWN_PLACE = [null, null, null];

function callerOf(row) {
  const stack = stackOf(row);
  return stack.caller === null ? UNKNOWN_PLACE : report.stacks.frames[stack.frames[stack.caller]];
}

/* Only what is a link of the web becomes one. */
function traceLink(row) {
  const template = report.trace_url;
  if (!template || !rows.trace[row] || !/^https?:\/\//.test(template)) return null;
  return template.replaceAll("{trace_id}", rows.trace[row]).replaceAll("{span_id}", rows.span[row]);
}
