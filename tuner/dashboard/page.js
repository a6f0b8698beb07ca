(function () {
  "use strict";
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  const isDark = window.matchMedia("(prefers-color-scheme: dark)");

  function inColours(figure) {
    let text = JSON.stringify(figure);
    if (isDark.matches) {
      for (const [light, dark] of Object.entries(darkColours)) {
        text = text.replaceAll('"' + light + '"', '"' + dark + '"');
      }
    }
    return JSON.parse(text);
  }

  function draw() {
    for (const [id, figure] of Object.entries(figures)) {
      const coloured = inColours(figure);
      Plotly.react(id, coloured.data, coloured.layout, { responsive: true, displayModeBar: false });
    }
  }

  function sortBy(header, position) {
    const table = header.closest("table");
    const descending = header.getAttribute("aria-sort") === "ascending";
    const cell = (trial) => trial.rows[0].cells[position];
    const key = (trial) => cell(trial).dataset.value ?? cell(trial).textContent;
    const trials = Array.from(table.tBodies).sort(function (one, other) {
      const a = key(one);
      const b = key(other);
      if (a === "" || b === "") {
        return (a === "") - (b === "");
      }
      const order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
      return descending ? -order : order;
    });
    header.parentNode.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    table.append(...trials);
  }

  document.querySelectorAll("th").forEach(function (header, position) {
    header.querySelector("button").addEventListener("click", () => sortBy(header, position));
  });
  isDark.addEventListener("change", draw);
  draw();
})();
