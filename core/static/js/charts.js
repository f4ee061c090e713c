// Draws every [data-chart] with ECharts. The table beside it holds the same numbers, so a browser without this lacks nothing.
(() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches
  const colours = ["#0b5cad", "#0b8a66", "#b8400a", "#6b3fa0", "#0a6470", "#8a4a00", "#b3161b", "#5f6974"]

  const option = ({ kind, names, series }, ink, line) => {
    const base = {
      color: colours, animation: !still, textStyle: { color: ink, fontFamily: "inherit" }, tooltip: { confine: true },
      legend: { type: "scroll", top: 0, textStyle: { color: ink } }, aria: { enabled: true },
    }
    if (kind === "pie") {
      const data = names.map((name, n) => ({ name, value: series[0].data[n] })).filter(({ value }) => value > 0)
      return { ...base, series: [{ type: "pie", radius: ["38%", "68%"], center: ["50%", "56%"], label: { color: ink }, data }] }
    }
    return {
      ...base,
      tooltip: { ...base.tooltip, trigger: "axis" },
      grid: { left: 8, right: 12, top: 36, bottom: 4, containLabel: true },
      xAxis: { type: "category", data: names, axisLabel: { color: ink, hideOverlap: true }, axisLine: { lineStyle: { color: line } } },
      yAxis: { type: "value", minInterval: 1, axisLabel: { color: ink }, splitLine: { lineStyle: { color: line } } },
      series: series.map(({ name, data }) => ({ name, data, type: kind, ...(kind === "bar" ? { stack: "all", barMaxWidth: 36 } : {}) })),
    }
  }

  for (const box of document.querySelectorAll("[data-chart]")) {
    box.hidden = false
    const style = getComputedStyle(box)
    const chart = echarts.init(box)
    chart.setOption(option(JSON.parse(box.dataset.chart), style.color, style.getPropertyValue("--line2").trim()))
    new ResizeObserver(() => chart.resize()).observe(box)
  }
})()
