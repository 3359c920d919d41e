(() => {
  const tip = document.getElementById("tip");
  let told = null;
  let leaving = 0;
  const hide = () => { tip.hidden = true; told = null; };
  const tell = (word) => {
    clearTimeout(leaving);
    const meaning = document.getElementById(word.getAttribute("aria-describedby"));
    if (!meaning) return;
    told = word;
    tip.textContent = meaning.textContent;
    tip.hidden = false;
    tip.style.left = "0"; // how wide it becomes depends on where it stands
    const at = word.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const below = at.bottom + 6;
    const fits = below + tip.offsetHeight < window.innerHeight || at.top < tip.offsetHeight + 6;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${fits ? below : at.top - tip.offsetHeight - 6}px`;
  };
  const leave = () => { clearTimeout(leaving); leaving = setTimeout(hide, 250); };
  for (const word of document.querySelectorAll("a.term")) {
    word.addEventListener("pointerenter", (event) => { if (event.pointerType !== "touch") tell(word); });
    word.addEventListener("pointerleave", leave);
    word.addEventListener("focus", () => tell(word));
    word.addEventListener("blur", hide);
    // A finger cannot point without a click: the first thing it gets is the meaning, not a jump.
    word.addEventListener("click", (event) => {
      if (event.pointerType !== "touch") return;
      event.preventDefault();
      tell(word);
    });
  }
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  window.addEventListener("resize", () => { if (told) tell(told); });
  document.addEventListener("scroll", () => { if (told) tell(told); }, { capture: true, passive: true });

  const table = document.getElementById("rows");
  if (!table) return;
  const body = table.tBodies[0];
  const search = document.getElementById("search");
  const pair = document.getElementById("pair");
  const shown = document.getElementById("shown");
  const listed = Number(shown.dataset.listed);
  const plain = (text) => text.normalize("NFKC").toUpperCase().toLowerCase(); // ß and SS are one
  const worst = [...body.rows];
  const contents = new Map(worst.map((row) => [row, row.querySelector(".content").textContent.trim()]));
  const content = (row) => contents.get(row);
  const texts = new Map(worst.map((row) => [row, plain(
    [row.dataset.given, row.dataset.suggested, row.dataset.id, row.dataset.file, content(row)].join("\n"),
  )]));
  document.querySelector(".tools").hidden = false;

  const narrow = () => {
    const words = plain(search.value).split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of worst) {
      const fits = pair.value === "" || row.dataset.pair === pair.value;
      row.hidden = !(fits && words.every((word) => texts.get(row).includes(word)));
      if (!row.hidden) count += 1;
    }
    shown.textContent = `${count.toLocaleString("en")} of ${listed.toLocaleString("en")} rows`;
  };
  search.addEventListener("input", narrow);
  pair.addEventListener("change", narrow);

  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const compare = {
    change: (a, b) => order.compare(a.dataset.given, b.dataset.given) || order.compare(a.dataset.suggested, b.dataset.suggested),
    content: (a, b) => order.compare(content(a), content(b)),
    id: (a, b) => order.compare(a.dataset.id, b.dataset.id),
  };
  // What is missing comes last, whichever way.
  const numbers = (key, up) => (a, b) => {
    const [x, y] = [a.dataset[key], b.dataset[key]];
    if (x === "" || y === "") return (x === "") - (y === "");
    return up ? x - y : y - x;
  };
  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th");
      const now = head.getAttribute("aria-sort");
      const first = button.dataset.first || "ascending";
      const next = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
      for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", next);
      const up = next === "ascending";
      const text = compare[button.dataset.key];
      const by = text ? (a, b) => (up ? text(a, b) : text(b, a)) : numbers(button.dataset.key, up);
      // Equals keep the order of the page: worst first.
      body.append(...[...worst].sort(by));
    });
  }

  // A spreadsheet computes what begins with one of these signs, and labels and texts come from strangers: an
  // apostrophe in front makes it a text. Plain numbers stay numbers.
  const cell = (value) => {
    const text = value === undefined ? "" : String(value);
    const computed = /^[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) && !/^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text);
    return `"${(computed ? `'${text}` : text).replaceAll('"', '""')}"`;
  };
  const near = (row) => [...row.querySelectorAll(".near > div")].map((one) => {
    return [one.querySelector("b"), one.querySelector("small")].map((part) => part.textContent).join(" ");
  }).join("; ");
  const columns = {
    id: (row) => row.dataset.id,
    given_label: (row) => row.dataset.given,
    suggested_label: (row) => row.dataset.suggested,
    action: (row) => row.dataset.action,
    confidence: (row) => row.dataset.confidence,
    label_score: (row) => row.dataset.score,
    p_value: (row) => row.dataset.p,
    content,
    source_file: (row) => row.dataset.file,
    source_row: (row) => row.dataset.row,
    nearest_trusted_rows: near,
  };
  const save = (lines, name) => {
    // The mark in front tells spreadsheets that this is UTF-8.
    const text = `\uFEFF${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  document.getElementById("download").addEventListener("click", () => {
    const rows = [...body.rows].filter((row) => !row.hidden);
    const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((value) => value(row)))];
    save(lines.map((line) => line.map(cell)), "labelfix-rows.csv");
  });

  // Decisions stay in this browser, by the run, until they are taken along; labelfix train --clean reads the file.
  const take = document.getElementById("decisions");
  const place = `labelfix ${take.dataset.run}`;
  let marks = {};
  try { marks = JSON.parse(localStorage.getItem(place)) || {}; } catch { /* a browser that keeps nothing */ }
  const showMarks = () => {
    for (const row of worst) {
      for (const button of row.querySelectorAll("[data-mark]")) {
        button.setAttribute("aria-pressed", String(marks[row.dataset.id] === button.dataset.mark));
      }
    }
    const count = worst.filter((row) => marks[row.dataset.id]).length;
    take.disabled = document.getElementById("then").hidden = !count;
    document.getElementById("marked").textContent = count ? `${count.toLocaleString("en")} decided` : "";
  };
  for (const row of worst) {
    row.querySelector(".marks").hidden = false;
    for (const button of row.querySelectorAll("[data-mark]")) {
      button.addEventListener("click", () => {
        if (marks[row.dataset.id] === button.dataset.mark) delete marks[row.dataset.id];
        else marks[row.dataset.id] = button.dataset.mark;
        try { localStorage.setItem(place, JSON.stringify(marks)); } catch { /* as above */ }
        showMarks();
      });
    }
  }
  // As `cell`, so that it can be undone: labelfix takes one apostrophe away where the last column says so.
  const kept = (value) => {
    const text = String(value);
    return `"${(/^['=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  };
  take.addEventListener("click", () => {
    const head = ["labelfix_id", "answer", "decision", "given_label", "suggested_label", "labelfix_drawn", "labelfix_escaped"];
    const lines = worst.filter((row) => marks[row.dataset.id]).map(({ dataset }) => {
      const mark = marks[dataset.id];
      const answer = mark === "accept" ? dataset.suggested : dataset.given;
      return [dataset.id, answer, mark, dataset.given, dataset.suggested, "report", "yes"];
    });
    save([head, ...lines].map((line) => line.map(kept)), "decisions.csv");
  });
  showMarks();
})();
