const tip = document.getElementById("tip");
const number = (v, kind) => kind === "percent" ? (v * 100).toFixed(2) + " %"
  : v.toLocaleString("en", { maximumFractionDigits: Math.abs(v) >= 1000 ? 2 : Math.abs(v) >= 1 ? 4 : 8 });
const moment = s => new Date(s * 1000).toISOString().slice(0, 16).replace("T", " ");

function nearest(rows, x) {
  let low = 0, high = rows.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < x) low = middle + 1; else high = middle;
  }
  return low > 0 && x - rows[low - 1][0] < rows[low][0] - x ? rows[low - 1] : rows[low];
}

function say(chart, x, room) {
  if (chart.kind === "bars") {
    const row = chart.rows.find(r => x >= r[0] && x < r[1]);
    return row ? `${(row[0] * 100).toFixed(2)} % to ${(row[1] * 100).toFixed(2)} %\n${row[2]} trades` : "";
  }
  const lines = [];
  for (const list of chart.lists) {
    const row = nearest(list.rows, x);
    if (!row) continue;
    if (!lines.length) lines.push(moment(row[0]));
    const spread = row.length > 2 && row[2] !== row[3] ? `  (${number(row[2], chart.kind)} to ${number(row[3], chart.kind)})` : "";
    lines.push(`${list.name}  ${number(row[1], chart.kind)}${spread}`);
  }
  const near = (chart.trades || []).filter(t => t[0] - room <= x && x <= t[2] + room);
  for (const t of near.slice(0, 4)) {
    lines.push(`${t[4] ? "long" : "short"}  ${moment(t[0])} at ${number(t[1])}  to  ${moment(t[2])} at ${number(t[3])}`
      + `\n       ${t[7]}, net ${number(t[5])} (${(t[6] * 100).toFixed(2)} %)`);
  }
  if (near.length > 4) lines.push(`and ${near.length - 4} more trades`);
  return lines.join("\n");
}

for (const box of document.querySelectorAll(".chart")) {
  const chart = charts[box.dataset.chart], cursor = box.querySelector(".cursor");
  const leave = () => { tip.hidden = cursor.hidden = true; };
  box.addEventListener("pointermove", event => {
    const frame = box.getBoundingClientRect();
    const part = (event.clientX - frame.left) / frame.width;
    if (part < 0 || part > 1) return leave();
    const span = chart.x[1] - chart.x[0];
    const text = say(chart, chart.x[0] + part * span, span * 4 / frame.width);
    if (!text) return leave();
    cursor.style.left = part * 100 + "%";
    tip.textContent = text;
    tip.hidden = cursor.hidden = false;
    const left = event.clientX + 14, wide = tip.offsetWidth;
    tip.style.left = Math.max(4, left + wide > innerWidth - 4 ? event.clientX - wide - 14 : left) + "px";
    tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 4) + "px";
  });
  box.addEventListener("pointerleave", leave);
}
