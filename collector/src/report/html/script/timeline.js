
/* Each write a mark: time to the right, duration upwards on a logarithmic scale, colour = cause. */

const timeline = { canvas: null, dragged: null, series: [], rate: [], left: 52, bottom: 22, top: 8, right: 8 };

function drawTimeline() {
  timeline.canvas = byId("timeline");
  timeline.series = rowCount ? seriesPoints() : [];
  timeline.rate = rowCount ? ratePoints() : [];
  const most = rateText(mostRequests());
  byId("legend").replaceChildren(...causesSeen().map((cause) =>
    element("span", {}, swatch(cause), `${causeText(report.causes[cause])} ${count(report.overview.causes[cause].count)}`)),
    ...(timeline.series.length ? [element("span", {}, element("i", { style: { background: "var(--dim)" } }), "the service's own durations (line)")] : []),
    ...(timeline.rate.length ? [element("span", {}, element("i", { style: { background: "var(--accent)" } }), `its requests (dashed line, ${most} at most)`)] : []));
  const { canvas } = timeline;
  canvas.addEventListener("pointerdown", (event) => { timeline.dragged = [event.offsetX, event.offsetX]; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", pointAt);
  canvas.addEventListener("pointerup", endDrag);
  canvas.addEventListener("keydown", moveInTimeline);
  new ResizeObserver(paintTimeline).observe(canvas);
  view.listeners.push(paintTimeline);
  paintTimeline();
}

/* From writes to places on the canvas, and back. */
function scales() {
  const { canvas, left, bottom, top, right } = timeline;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const { from, to } = view.filter;
  const [begin, end] = from === null ? [rows.at[0] ?? 0, Math.max((rows.at[0] ?? 0) + 1, rows.at[rowCount - 1] ?? 1)] : [from, Math.max(from + 1, to)];
  let [least, most] = [Infinity, 1];
  for (const took of rows.took) { least = Math.min(least, took); most = Math.max(most, took); }
  for (const [, value] of timeline.series) most = Math.max(most, value);
  const [low, high] = [Math.log10(Math.max(1, Math.min(least, most))), Math.log10(most * 1.2)];
  return {
    width, height, begin, end, low, high,
    x: (at) => left + ((at - begin) / (end - begin)) * (width - left - right),
    y: (took) => height - bottom - ((Math.log10(Math.max(1, took)) - low) / Math.max(0.01, high - low)) * (height - bottom - top),
    at: (x) => begin + ((x - left) / (width - left - right)) * (end - begin),
  };
}

function paintTimeline() {
  const { canvas, dragged, top, bottom } = timeline;
  const scale = scales();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = scale.width * ratio;
  canvas.height = scale.height * ratio;
  const paint = canvas.getContext("2d");
  paint.scale(ratio, ratio);
  paintAxes(paint, scale);
  paintSeries(paint, scale);
  paintRate(paint, scale);
  for (const row of view.visible) {
    paint.fillStyle = colors.of[rows.cause[row]];
    paint.fillRect(scale.x(rows.at[row]) - 1.5, scale.y(rows.took[row]) - 1.5, 3, 3);
  }
  if (view.chosen !== null) {
    paint.strokeStyle = colors.accent;
    paint.strokeRect(scale.x(rows.at[view.chosen]) - 5, scale.y(rows.took[view.chosen]) - 5, 10, 10);
  }
  if (dragged) {
    paint.fillStyle = colors.accent;
    paint.globalAlpha = 0.2;
    paint.fillRect(Math.min(...dragged), top, Math.abs(dragged[1] - dragged[0]), scale.height - top - bottom);
    paint.globalAlpha = 1;
  }
}

/* Durations as well, so on the same scale. */
function paintSeries(paint, scale) {
  const shown = timeline.series.filter(([at]) => at >= scale.begin && at <= scale.end);
  paint.beginPath();
  for (const [at, value] of shown) paint.lineTo(scale.x(at), scale.y(Math.max(value, 10 ** scale.low)));
  paint.strokeStyle = colors.text;
  paint.lineWidth = 1.5;
  paint.stroke();
}

const mostRequests = () => timeline.rate.reduce((most, [, rate]) => Math.max(most, rate), 0);

/* No duration, so on a scale of its own, from none at the bottom to the most at the top. */
function paintRate(paint, scale) {
  const shown = timeline.rate.filter(([at]) => at >= scale.begin && at <= scale.end);
  if (!shown.length) return;
  const most = mostRequests();
  const [low, high] = [scale.height - timeline.bottom, timeline.top];
  paint.beginPath();
  for (const [at, rate] of shown) paint.lineTo(scale.x(at), low - (rate / (most || 1)) * (low - high));
  paint.strokeStyle = colors.accent;
  paint.lineWidth = 1.5;
  paint.setLineDash([6, 4]);
  paint.stroke();
  paint.setLineDash([]);
  paint.lineWidth = 1;
  paint.fillStyle = colors.accent;
  paint.textAlign = "right";
  paint.fillText(rateText(most), scale.width - timeline.right, high + 10);
}

function paintAxes(paint, scale) {
  paint.fillStyle = colors.text;
  paint.font = "12px system-ui, sans-serif";
  paint.textAlign = "right";
  for (let power = Math.ceil(scale.low); power <= scale.high; power++) {
    const y = scale.y(10 ** power);
    paint.fillText(duration(10 ** power), timeline.left - 6, y + 4);
    paint.globalAlpha = 0.25;
    paint.fillRect(timeline.left, y, scale.width - timeline.left - timeline.right, 1);
    paint.globalAlpha = 1;
  }
  paint.textAlign = "left";
  paint.fillText(`+${duration(scale.begin)}`, timeline.left, scale.height - 6);
  paint.textAlign = "right";
  paint.fillText(`+${duration(scale.end)}`, scale.width - timeline.right, scale.height - 6);
}

function nearest(x, y) {
  const scale = scales();
  let [best, distance] = [null, 15 ** 2];
  for (const row of view.visible) {
    const [dx, dy] = [scale.x(rows.at[row]) - x, scale.y(rows.took[row]) - y];
    if (dx * dx + dy * dy < distance) [best, distance] = [row, dx * dx + dy * dy];
  }
  return best;
}

function tell(row) {
  byId("timeline-said").textContent = row === null ? ""
    : `${when(row)}: ${duration(rows.took[row])}, ${causeText(report.causes[rows.cause[row]])}, ${placeText(callerOf(row))}`;
}

function pointAt(event) {
  if (!timeline.dragged) return tell(nearest(event.offsetX, event.offsetY));
  timeline.dragged[1] = event.offsetX;
  paintTimeline();
}

function endDrag(event) {
  if (!timeline.dragged) return;
  const [from, to] = timeline.dragged.map((x) => scales().at(x)).sort((a, b) => a - b);
  const isClick = Math.abs(timeline.dragged[1] - timeline.dragged[0]) < 4;
  timeline.dragged = null;
  if (isClick) return view.choose(nearest(event.offsetX, event.offsetY));
  Object.assign(view.filter, { from, to });
  view.changed();
}

function moveInTimeline(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (event.key === "Escape") {
    Object.assign(view.filter, { from: null, to: null });
    view.chosen = null;
    showDetails(null);
    view.changed();
  }
  if (!step || !view.visible.length) return;
  event.preventDefault();
  const inTime = [...view.visible].sort((a, b) => a - b);
  const at = inTime.indexOf(view.chosen);
  const row = inTime[Math.min(inTime.length - 1, Math.max(0, at + step))];
  tell(row);
  view.choose(row);
}
