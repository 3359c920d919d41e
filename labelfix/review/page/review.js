"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const token = new URLSearchParams(location.search).get("token") || "";
  const some = (length) => Array.from(crypto.getRandomValues(new Uint8Array(length)), (b) => b.toString(16).padStart(2, "0")).join("");
  // A page that is loaded again is the same one, and gets the rows back that it had. While it is seen its name is not
  // written down: the copy of a tab copies what is, and is another page.
  const page = sessionStorage.getItem("labelfix-page") || some(8);
  const seen = () => sessionStorage.removeItem("labelfix-page");
  const unseen = () => sessionStorage.setItem("labelfix-page", page);
  addEventListener("pageshow", seen);
  addEventListener("pagehide", unseen);
  document.addEventListener("visibilitychange", () => (document.hidden ? unseen() : seen()));
  const AHEAD = 6;
  let about = { classes: [] };
  let queue = "";
  let inQueue = 0;
  let current = null;
  let coming = [];
  let busy = false;
  let conflict = null;
  let knowing = null;
  let since = 0;
  let overBudget = false;
  let fetching = null;
  let asking = false;
  let askAgain = false;

  const make = (tag, words, name) => {
    const made = document.createElement(tag);
    if (words !== undefined) made.textContent = words;
    if (name) made.className = name;
    return made;
  };
  // What data and people write stands in elements of its own: marks that turn text around end with it.
  const own = (words) => make("bdi", words);
  const say = (id, ...parts) => $(id).replaceChildren(...parts);
  const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
  const count = (number) => number.toLocaleString("en");
  const address = (path, asked) => `${path}?${new URLSearchParams(asked)}`;

  const ask = async (path, body) => {
    const headers = { "x-labelfix-token": token };
    const options = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
    const reply = await fetch(path, options);
    if (reply.status === 403) throw Object.assign(new Error(await reply.text()), { refused: true });
    const said = await reply.json();
    if (!reply.ok && reply.status !== 409) throw Object.assign(new Error(said.error || reply.statusText), { said: true });
    return said;
  };
  const trouble = (words) => { $("trouble").textContent = words; $("trouble").hidden = !words; };
  const pause = (ms) => new Promise((go) => { setTimeout(go, ms); });

  // Asked until the server answers. Of a decision that says that it is on the disk; its key makes sure that it counts once.
  const surely = async (path, body) => {
    for (;;) {
      try {
        const said = await ask(path, body);
        trouble("");
        return said;
      } catch (error) {
        if (error.refused) {
          trouble("The server was started anew and has another address now. Open the one that labelfix review printed; a decision that was not confirmed is not kept.");
          throw error;
        }
        if (error.said) { trouble(error.message); throw error; }
        trouble("The server does not answer. What it has confirmed is kept; what it has not is sent again until it is. If labelfix review was ended, start it again and open the address that it prints: it goes on with this row.");
        await pause(700);
      }
    }
  };

  const have = () => [...(current ? [current] : []), ...coming].map((row) => row.id);

  const fetchRows = () => {
    if (fetching) return fetching;
    const wanted = queue;
    fetching = (async () => {
      const asked = new URLSearchParams({ queue: wanted, page, count: AHEAD });
      for (const id of have()) asked.append("have", id);
      const said = await surely(`/rows?${asked}`);
      if (wanted === queue) {
        inQueue = said.of;
        const there = new Set(have());
        coming.push(...said.rows.filter((row) => !there.has(row.id)));
      }
    })().finally(() => { fetching = null; });
    return fetching;
  };

  // While somebody decides fast, how far they are is asked for only in between.
  let soon = 0;
  const progress = () => { clearTimeout(soon); soon = setTimeout(askProgress, 120); };
  const askProgress = async () => {
    if (asking) { askAgain = true; return; }
    asking = true;
    try {
      const said = await ask(address("/progress", { page, queue, who: $("who").value }));
      showProgress(said);
      const others = new Map(said.taken.filter((one) => one.who !== $("who").value).map((one) => [one.id, one]));
      coming = coming.filter((row) => !others.has(row.id));
      const writes = !$("note-box").hidden || !$("class-box").hidden; // what is typed must not become keys of another box
      if (current && others.has(current.id) && !knowing && !busy && !conflict && !writes) showTaken(others.get(current.id));
    } catch { /* what matters is said where a decision is sent */ }
    asking = false;
    if (askAgain) { askAgain = false; progress(); }
  };

  const showProgress = (said) => {
    const whole = Math.min(said.budget, said.queue_rows);
    $("bar").max = Math.max(whole, 1);
    $("bar").value = Math.min(said.in_queue, whole);
    const pace = said.pace === null ? "" : ` · ${said.pace.toFixed(said.pace < 10 ? 1 : 0)} a minute`;
    const rest = said.pace && said.left ? ` (about ${Math.ceil(said.left / said.pace)} min)` : "";
    $("far").textContent = `${count(said.in_queue)} of ${count(whole)} decided${pace} · ${count(said.left)} left${rest}`;
    $("far").title = Object.entries(said.people).map(([who, n]) => `${who}: ${n}`).join(", ");
    $("namesake").hidden = !said.namesake;
    if (said.namesake) say("namesake", "Another page is open under the name ", own($("who").value), ". Two people need two names: “Undo” takes back the last decision of a name.");
    const noise = said.noise;
    const ends = (one) => `${percent(one[0])} (${percent(one[1])} to ${percent(one[2])})`;
    $("noise").replaceChildren();
    if (noise) {
      const now = ends([noise.value, noise.low, noise.high]);
      $("noise").append(`wrong labels among the ${count(noise.rows)} rows nobody has looked at: ${now}`);
      if (noise.start) $("noise").append(make("span", `; at the start ${ends(noise.start)}`, "start"));
    }
    if (said.left === 0 && said.in_queue > 0 && whole === said.budget && !overBudget) {
      overBudget = true;
      $("told").textContent = `That was the budget of ${count(said.budget)} rows. You can go on, or end here.`;
    }
  };

  const showTaken = (there) => {
    conflict = there;
    const what = there.label === null ? ["that nobody can tell"] : ["“", own(there.label), "”"];
    say("taken-words", own(there.who), " has decided this row meanwhile: ", ...what, ".");
    $("taken").hidden = false;
    $("taken-theirs").focus();
  };

  const labelled = (words, value) => {
    const part = make("span");
    part.append(make("small", `${words} `), make("bdi", value === null ? "no label" : value));
    return part;
  };

  const showText = (part, number) => {
    const box = make("div", part.text, "text");
    box.dir = "auto";
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", part.name);
    const parts = [box];
    if (part.length > part.text.length) {
      const all = make("button", `Show all ${count(part.length)} characters`);
      const id = current.id;
      all.addEventListener("click", async () => {
        const said = await ask(address("/text", { id, part: number }));
        if (current && current.id === id) { box.textContent = said.text; all.remove(); }
      });
      parts.push(all);
    }
    return parts;
  };

  const showImage = (part, number) => {
    const button = make("button", undefined, "picture");
    const image = make("img");
    image.alt = part.name;
    image.src = address("/image", { id: current.id, part: number, token });
    button.setAttribute("aria-label", `enlarge ${part.name}`);
    button.setAttribute("aria-keyshortcuts", "Z");
    button.append(image);
    button.addEventListener("click", () => enlarge(number, part.name));
    return [button];
  };

  const enlarge = (number, name) => {
    $("zoomed").src = address("/image", { id: current.id, part: number, zoom: 1, token });
    $("zoomed").alt = name;
    $("zoom").showModal();
  };

  const showTable = (part) => {
    const box = make("div", undefined, "cells");
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "the row's columns");
    const table = make("table");
    for (const [name, value] of part.cells) {
      const line = table.insertRow();
      const head = make("th");
      name.split(/(?<=[_.\/-])/).forEach((piece) => head.append(piece, document.createElement("wbr")));
      head.scope = "row";
      line.append(head, make("td", value));
    }
    box.append(table);
    return [box];
  };

  const showPart = (part, number) => {
    if (part.kind === "text") return showText(part, number);
    if (part.kind === "image") return showImage(part, number);
    if (part.kind === "table") return showTable(part);
    return [make("p", `${part.name}: an embedding, which no one can read`)];
  };

  const choices = () => about.classes.length <= 9 ? about.classes : current.probabilities.map(([name]) => name);

  const showClasses = () => {
    const probability = new Map(current.probabilities);
    $("probable").replaceChildren(...choices().map((name, place) => {
      const item = make("li");
      const button = make("button");
      const share = probability.get(name) || 0;
      button.append(make("kbd", String(place + 1)), make("bdi", name), make("span", percent(share)));
      button.style.backgroundSize = `${100 * share}% 100%`;
      button.title = name;
      button.setAttribute("aria-keyshortcuts", String(place + 1));
      button.addEventListener("click", () => pick(name));
      item.append(button);
      return item;
    }));
  };

  const showNear = async (row) => {
    $("near").replaceChildren();
    $("near-title").hidden = true;
    await pause(150);
    for (let turn = 0; turn < 40 && current === row; turn += 1) {
      let said;
      try { said = await ask(address("/near", { id: row.id })); } catch { return; }
      if (current !== row) return;
      if (said.near) {
        $("near-title").hidden = !said.near.length;
        $("near").replaceChildren(...said.near.map((one) => {
          const item = make("li");
          const place = make("small");
          place.append(own(one.id), `, similarity ${one.similarity.toFixed(2)}`);
          item.append(own(one.label), " ", place);
          if (one.image) { const image = make("img"); image.src = one.image; image.alt = one.text; item.append(image); }
          else if (one.text) { const text = make("div", one.text); text.dir = "auto"; item.append(text); }
          return item;
        }));
        return;
      }
      await pause(1500);
    }
  };

  // Other rows that hold the same: how many are given each label, and the first of them by id.
  const showSame = (same) => {
    const all = same.given.reduce((sum, one) => sum + one.rows, 0);
    $("same").hidden = !all;
    const listed = (parts) => parts.flatMap((part, place) => (place ? [", ", ...part] : part));
    const label = (name) => (name === null ? "nothing" : make("bdi", name));
    const counts = same.given.map((one) => [`${one.rows} as `, label(one.label)]);
    const rows = same.rows.map((one) => [make("bdi", one.id), ...(same.given.length > 1 ? [" (", label(one.given), ")"] : [])]);
    const start = all === 1 ? "1 other row holds the same, given " : `${all} other rows hold the same, given: `;
    const first = all === 1 ? ["as ", label(same.given[0]?.label ?? null)] : listed(counts);
    $("same").replaceChildren(start, ...first, ". ", all > same.rows.length ? "The first are " : all === 1 ? "It is " : "They are ", ...listed(rows), ".");
  };

  const render = () => {
    closeBoxes();
    $("note").value = current?.note || "";
    knowing = null;
    conflict = null;
    $("taken").hidden = true;
    $("card").hidden = $("actions").hidden = !current;
    $("done").hidden = Boolean(current);
    if (!current) { showDone(); return; }
    const row = current;
    say("row", "Row ", own(row.id), " · ", own(row.file), `, row ${count(row.row)}`);
    const arrow = make("span", "→");
    arrow.setAttribute("aria-hidden", "true");
    $("labels").replaceChildren(
      labelled("given", row.given), arrow, labelled("suggested", row.suggested), make("small", `confidence ${percent(row.confidence)}`),
    );
    $("parts").replaceChildren(...(row.parts.length ? row.parts.flatMap(showPart) : [make("p", about.why_none || "What this row holds cannot be read.")]));
    showClasses();
    const blind = row.predicted === null ? [] : ["The classifier alone, blind to the given label, says ", own(row.predicted), "."];
    const surprise = row.p_value === null ? "" : ` p-value of the given label ${row.p_value.toFixed(3)}.`;
    say("more", ...blind, surprise);
    $("said-title").hidden = !row.opinions.length;
    $("said").replaceChildren(...row.opinions.map((one) => {
      const item = make("li");
      item.append(make("bdi", one.source), ": ", make("bdi", one.label), " ", make("small", `right with ${percent(one.score)}`));
      return item;
    }));
    showSame(row.same);
    const before = row.standing && row.standing.decision !== "skip" ? row.standing : null;
    $("before").hidden = !before;
    if (before) {
      knowing = before.key;
      say("before", own(before.who), " decided: ", before.label === null ? "cannot tell" : own(before.label), ". What you decide now goes over it.");
    }
    const agree = row.suggested === row.given;
    $("accept").querySelector("bdi").textContent = row.suggested;
    $("keep").querySelector("bdi").textContent = row.given === null ? "" : row.given;
    $("keep").hidden = row.given === null || agree;
    document.querySelector(".buttons").classList.toggle("one", $("keep").hidden);
    $("accept").firstElementChild.textContent = agree ? "Right:" : "Accept";
    $("row").focus({ preventScroll: true });
    window.scrollTo(0, 0);
    since = performance.now();
    showNear(row);
  };

  const showDone = () => {
    $("row").textContent = "No more rows";
    const box = $("done");
    const why = inQueue ? "Every row of this queue is decided, or is before somebody else." : "The run has no rows for this queue.";
    box.replaceChildren(make("p", `${why} Choose another queue above, or take the decisions along:`));
    for (const [words, command] of [
      ["the file with the decisions in it:", `labelfix export --run ${about.quoted} --answers --corrected-labels fixed.csv`],
      ["train again on them:", `labelfix learn --run ${about.quoted}`],
    ]) {
      const line = make("p", `${words} `);
      line.append(make("code", command));
      box.append(line);
    }
    const undo = make("button", "Undo");
    undo.addEventListener("click", takeBack);
    box.append(undo);
    $("row").focus();
  };

  const next = async () => {
    if (!coming.length) await fetchRows();
    current = coming.shift() || null;
    render();
    if (coming.length < AHEAD / 2) fetchRows().catch(() => { /* said above */ });
    progress();
  };

  const WORDS = { accept: "accepted", keep: "kept", label: "labelled", cannot_tell: "nobody can tell", skip: "skipped" };

  const decide = async (decision, label, over) => {
    if (busy || !current || (conflict && !over)) return;
    busy = true;
    const began = performance.now();
    const row = current;
    const asked = {
      key: some(12), id: row.id, decision, label: label === undefined ? null : label, who: $("who").value || about.who,
      queue: row.queue, seconds: (began - since) / 1000, note: $("note").value, knowing: over || knowing,
    };
    try {
      const said = await surely("/decide", asked);
      if (said.decided) { showTaken(said.decided); return; }
      const what = label || (decision === "accept" ? row.suggested : decision === "keep" ? row.given : "");
      await next();
      say("told", WORDS[decision], ...(what ? [": ", own(what)] : []), " · row ", own(row.id));
      performance.measure("decision", { start: began, end: performance.now() });
    } catch { /* said above */ } finally { busy = false; }
  };

  const accept = () => decide(current.suggested === current.given ? "keep" : "accept");
  const keep = () => { if (current.given !== null) decide("keep"); };
  const pick = (name) => {
    if (!current) return;
    if (name === current.given) decide("keep");
    else if (name === current.suggested) decide("accept");
    else decide("label", name);
  };

  const takeBack = async () => {
    if (busy) return;
    busy = true;
    try {
      const said = await surely("/undo", { who: $("who").value || about.who, key: some(12), page });
      if (!said.undone) { $("told").textContent = "There is nothing of yours to take back."; return; }
      if (current) current.note = $("note").value;
      said.row.note = said.undone.note;
      coming = [...(current && current.id !== said.row.id ? [current] : []), ...coming.filter((row) => row.id !== said.row.id)];
      current = said.row;
      render();
      say("told", "taken back: ", own(said.undone.label || WORDS[said.undone.decision]), " · row ", own(said.row.id));
      progress();
    } catch { /* said above */ } finally { busy = false; }
  };

  // The box for typing a class.
  const SHOWN = 60;
  let marked = 0;
  const plain = (text) => text.normalize("NFKC").toUpperCase().toLowerCase();
  // A class whose name is typed in full comes before longer ones, and before those that differ in case.
  const fitting = () => {
    const raw = $("class").value.trim();
    const typed = plain(raw);
    const rank = (name, own) => [name === raw, own === typed, own.startsWith(typed), own.includes(typed)].indexOf(true);
    const ranked = about.classes.map((name) => ({ name, rank: rank(name, plain(name)) })).filter((one) => one.rank >= 0);
    return ranked.sort((one, other) => one.rank - other.rank).map((one) => one.name);
  };
  const showFitting = () => {
    const all = fitting();
    const names = all.slice(0, SHOWN);
    $("fitting").textContent = !all.length ? "No class has that in its name." : all.length > SHOWN ? `The first ${SHOWN} of ${count(all.length)}: type more of the name.` : "";
    marked = Math.min(marked, Math.max(names.length - 1, 0));
    $("classes").replaceChildren(...names.map((name, place) => {
      const item = make("li");
      item.append(make("bdi", name));
      item.id = `class-${place}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", String(place === marked));
      item.addEventListener("click", () => pick(name));
      return item;
    }));
    $("class").setAttribute("aria-activedescendant", names.length ? `class-${marked}` : "");
    const chosen = $(`class-${marked}`);
    if (chosen) chosen.scrollIntoView({ block: "nearest" });
  };
  const openClasses = () => { closeBoxes(); $("class-box").hidden = false; $("class").value = ""; marked = 0; showFitting(); $("class").focus(); };
  const closeBoxes = () => { $("class-box").hidden = true; $("note-box").hidden = true; };
  const openNote = () => { closeBoxes(); $("note-box").hidden = false; $("note").focus(); };
  const backToRow = () => { closeBoxes(); $("row").focus({ preventScroll: true }); };
  $("class").addEventListener("input", () => { marked = 0; showFitting(); });
  $("class").addEventListener("keydown", (event) => {
    const names = fitting().slice(0, SHOWN);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step && names.length) { marked = (marked + step + names.length) % names.length; showFitting(); event.preventDefault(); }
    else if (event.key === "Enter" && names.length && !event.isComposing) { event.preventDefault(); event.stopPropagation(); pick(names[marked]); }
    else if (event.key === "Escape") backToRow();
  });
  $("note").addEventListener("keydown", (event) => { if (event.key === "Escape") backToRow(); });
  // What is pressed after a name was entered is a key of the page again, and no letter of the name.
  $("who").addEventListener("keydown", (event) => { if (["Enter", "Escape"].includes(event.key) && !event.isComposing) $("row").focus({ preventScroll: true }); });

  const zoomFirst = () => {
    const number = current.parts.findIndex((part) => part.kind === "image");
    if (number >= 0) enlarge(number, current.parts[number].name);
  };
  const leaveTheirs = () => { conflict = null; next(); };
  const decideMine = () => {
    const there = conflict;
    conflict = null;
    knowing = there.key;
    $("taken").hidden = true;
    $("told").textContent = "Decide: it goes over theirs.";
    $("row").focus();
  };

  const keys = {
    Enter: accept, a: accept, k: keep, c: openClasses, "/": openClasses, t: () => decide("cannot_tell"), s: () => decide("skip"),
    n: openNote, z: zoomFirst,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const on = event.target;
    if (on.closest("dialog") || on.matches("input, select, textarea")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (on.matches("button, a") && (key === "Enter" || key === " ")) return;
    let act = null;
    if (key === "?") act = () => $("help").showModal();
    else if (conflict) act = { Enter: leaveTheirs, m: decideMine }[key];
    else if (key === "u") act = takeBack;
    else if (current && /^[1-9]$/.test(key)) act = () => { const name = choices()[Number(key) - 1]; if (name !== undefined) pick(name); };
    else if (current) act = keys[key];
    if (act) { event.preventDefault(); act(); }
  });

  const on = (id, act) => $(id).addEventListener("click", act);
  on("accept", accept); on("keep", keep); on("other", () => ($("class-box").hidden ? openClasses() : backToRow())); on("cannot", () => decide("cannot_tell")); on("skip", () => decide("skip"));
  on("undo", takeBack); on("note-open", () => ($("note-box").hidden ? openNote() : backToRow())); on("note-close", backToRow); on("taken-theirs", leaveTheirs); on("taken-mine", decideMine);
  on("help-open", () => $("help").showModal()); on("help-close", () => $("help").close()); on("zoom-close", () => $("zoom").close());
  $("who").addEventListener("change", () => { localStorage.setItem("labelfix-who", $("who").value); progress(); });
  const change = async () => {
    let name = $("queue").value;
    if (name === "…") {
      name = window.prompt("Queue: class A->B, or source NAME", "class ") || "";
      if (!name.trim()) { $("queue").value = queue; return; }
    }
    const before = queue;
    $("told").textContent = "choosing rows …";
    try {
      const said = await ask(address("/rows", { queue: name, page, count: AHEAD }));
      queue = said.queue;
      inQueue = said.of;
      if (![...$("queue").options].some((one) => one.value === queue)) $("queue").add(new Option(queue, queue), 0);
      $("queue").value = queue;
      current = null;
      coming = said.rows;
      overBudget = false;
      trouble("");
      await next();
      say("told", "queue ", own(queue));
    } catch (error) {
      trouble(error.message);
      queue = before;
      $("queue").value = before;
    }
  };
  $("queue").addEventListener("change", change);

  // Whoever closes the page lets go of its rows at once.
  addEventListener("pagehide", () => {
    const headers = { "x-labelfix-token": token };
    fetch("/leave", { method: "POST", headers, body: JSON.stringify({ page }), keepalive: true }).catch(() => { /* gone */ });
  });

  const begin = async () => {
    try {
      about = await ask("/start");
    } catch (error) {
      trouble(error.message);
      return;
    }
    $("run").textContent = about.run;
    $("who").value = localStorage.getItem("labelfix-who") || about.who;
    for (const name of about.queues) $("queue").add(new Option(name, name));
    $("queue").add(new Option("another …", "…"));
    queue = about.queue;
    $("queue").value = queue;
    await fetchRows();
    await next();
    setInterval(progress, 15000);
  };
  begin();
})();
