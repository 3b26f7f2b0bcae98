// Draws the columns of a table above it, each a small chart; the table stays for who reads no picture.
for (const place of document.querySelectorAll("[data-charts]")) {
  const table = document.getElementById(place.dataset.charts);
  if (!table) continue; // there is nothing to draw
  const rows = [...table.querySelectorAll("tr[data-at]:not([data-open])")].reverse(); // an open step is not over yet
  const times = rows.map((row) => Number(row.dataset.at));
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--faint").trim();
  const line = style.getPropertyValue("--link").trim();
  const days = times.at(-1) - times[0] > 48 * 3600; // hours alone would name no day
  const shown = days ? { month: "2-digit", day: "2-digit" } : { hour: "2-digit", minute: "2-digit" };
  const zone = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", ...shown });
  const axis = { stroke: ink, grid: { stroke: style.getPropertyValue("--line").trim(), width: 1 } };
  [...table.tHead.rows[0].cells].slice(1).forEach((head, column) => {
    const texts = rows.map((row) => row.cells[column + 1].textContent.replaceAll(",", ""));
    const counts = texts.map((text) => (text ? Number(text) : null));
    const options = {
      title: head.textContent,
      width: Math.min(560, Math.floor(place.getBoundingClientRect().width)), // clientWidth rounds up
      height: 180,
      legend: { show: false },
      cursor: { show: false },
      axes: [{ ...axis, values: (_, all) => all.map((at) => zone.format(at * 1000)) }, axis],
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high)] } },
      series: [{}, { stroke: line, width: 2, fill: `${line}22` }],
    };
    new window.uPlot(options, [times, counts], place);
  });
}
