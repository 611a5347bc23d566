
colors.read();
drawOverview();
drawAdvice();
drawComparison();
drawHistogram();
drawCallers();
drawFlame();
drawFilter();
drawTable();
drawTimeline();
drawLimits();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colors.read();
  paintTimeline();
});
