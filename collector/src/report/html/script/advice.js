
/* What to do, with what was seen and how sure that is. */

function drawAdvice() {
  byId("advice").hidden = report.advice.length === 0;
  const items = report.advice.map((one) => element("li", {},
    element("strong", {}, one.advice),
    element("div", { class: "place" }, one.subject),
    element("ul", {}, ...one.evidence.map((text) => element("li", {}, text))),
    element("div", { class: "dim" }, `Confidence: ${one.confidence}.${about(one)}`)));
  byId("advice").replaceChildren(element("h2", { id: "advice-title" }, "What to do"), element("ol", {}, ...items));
}

/* Advice may be about something else than time. */
function about(one) {
  return one.nano > 0 ? ` It is about ${duration(one.nano)} of ${duration(report.overview.nano)} lost.` : "";
}
