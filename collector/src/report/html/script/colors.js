
/* The colours of the causes are those of the style, light or dark. */

const colors = {
  of: [],
  read() {
    const style = getComputedStyle(document.documentElement);
    this.of = report.causes.map((cause) => style.getPropertyValue(`--${cause}`).trim() || "#868e96");
    this.text = style.getPropertyValue("--dim").trim();
    this.accent = style.getPropertyValue("--accent").trim();
  },
};

const swatch = (cause) =>
  element("i", { class: "swatch", style: { background: `var(--${report.causes[cause]})` } });

/* Those that occur, most frequent first. */
function causesSeen() {
  const numbers = report.causes.map((_, number) => number);
  const seen = numbers.filter((number) => report.overview.causes[number].count > 0);
  return seen.sort((a, b) => report.overview.causes[b].count - report.overview.causes[a].count);
}
