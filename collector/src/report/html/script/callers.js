
/* What the time of each caller's slow writes went into. */

const CALLERS_SHOWN = 8;

function drawCallers() {
  const { callers, callers_more: more } = report.overview;
  if (!callers.length) return;
  const widest = callers[0].nano;
  const shown = callers.slice(0, CALLERS_SHOWN).map((caller) => drawCaller(caller, widest));
  const rest = callers.length - shown.length + more;
  byId("callers").replaceChildren(...shown, rest > 0 ? element("p", { class: "dim" }, `and ${count(rest)} more callers`) : "");
}

function drawCaller(caller, widest) {
  const parts = caller.parts.map((nano, cause) => ({ nano, cause })).filter(({ nano }) => nano > 0);
  parts.sort((a, b) => b.nano - a.nano);
  const explained = parts.reduce((sum, { nano }) => sum + nano, 0);
  const segments = parts.map(({ nano, cause }) => element("div", {
    title: `${causeText(report.causes[cause])}: ${duration(nano)}`,
    style: { width: `${(100 * nano) / widest}%`, background: `var(--${report.causes[cause]})` },
  }));
  const named = parts.map(({ nano, cause }) => `${causeText(report.causes[cause])} ${percent(nano / caller.nano)}`);
  if (explained < caller.nano) named.push(`not explained ${percent((caller.nano - explained) / caller.nano)}`);
  return element("div", { class: "caller" },
    element("div", { class: "place", title: fullPlace(caller.place) }, placeText(caller.place)),
    element("div", { class: "stacked", role: "img", "aria-label": named.join(", ") }, ...segments),
    element("div", { class: "dim" }, `${duration(caller.nano)} in ${count(caller.count)}: ${named.join(", ")}`));
}
