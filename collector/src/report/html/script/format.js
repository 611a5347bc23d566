
/* Numbers and instants, for a person. */

const UNITS = [["ns", 1], ["us", 1e3], ["ms", 1e6], ["s", 1e9]];

/* Three digits and the fitting unit. */
function duration(nanos) {
  const fitting = UNITS.filter(([, size]) => nanos >= size);
  const [unit, size] = fitting.length ? fitting[fitting.length - 1] : UNITS[0];
  const value = nanos / size;
  const decimals = unit === "ns" || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(decimals))} ${unit}`;
}

const count = (number) => number.toLocaleString("en");

function percent(share) {
  if (share === 0) return "0 %";
  if (share < 0.0001) return "< 0.01 %";
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

/* Milliseconds since 1970 as an instant in UTC, to the microsecond. */
function instant(originUnixNano, nanos) {
  const at = BigInt(originUnixNano) + BigInt(nanos);
  const seconds = new Date(Number(at / 1000000000n) * 1000).toISOString().slice(11, 19);
  return `${seconds}.${String((at % 1000000000n) / 1000n).padStart(6, "0")}`;
}

const causeText = (cause) => cause.replaceAll("_", " ");
