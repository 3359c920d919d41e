(() => {
  const table = document.getElementById("rows");
  if (!table) return;
  const body = table.tBodies[0];
  const pair = document.getElementById("pair");
  const shown = document.getElementById("shown");
  pair.addEventListener("change", () => {
    let count = 0;
    for (const row of body.rows) {
      row.hidden = pair.value !== "" && row.dataset.pair !== pair.value;
      if (!row.hidden) count += 1;
    }
    shown.textContent = `${count} rows`;
  });
  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => Number(row.dataset[button.dataset.key]);
      const rows = [...body.rows].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
      body.append(...rows);
    });
  }
})();
