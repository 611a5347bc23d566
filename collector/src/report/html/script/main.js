
colors.read();
drawOverview();
drawAdvice();
drawComparison();
drawSpikes();
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
