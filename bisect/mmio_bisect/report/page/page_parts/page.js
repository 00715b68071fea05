"use strict";
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const VERDICTS = ["good", "bad", "untestable"];
  const GLYPHS = ["·", "✗", "?"];
  const ROWS = 100, COLUMNS = 60;
  const FIELDS = ["recipe", "series", "target", "opt", "verdict", "defect"];
  const byId = (id) => document.getElementById(id);
  const form = byId("filters"), blocks = byId("blocks"), dialog = byId("cell");

  // A line of the data as an object; what is long is looked at only when it is shown.
  const lines = DATA.lines.map(([recipe, language, target, opt, extra, series, cells, codes, keys], number) => (
    { number, name: `${recipe}.${language}`, target, opt, extra, series, cells, codes, keys }));
  const kinds = DATA.vectors.map(([, marks]) => new Set(marks ? marks.split(", ").map((mark) => mark.slice(mark.lastIndexOf(" ") + 1)) : []));
  const counts = DATA.vectors.map(([, marks]) => (marks ? marks.split(", ").length : 0));
  const severalTargets = new Set(lines.map((line) => line.target)).size > 1;
  const state = { filters: {}, rows: new Map(), end: new Map(), open: null };

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  const fits = (line) => {
    const { recipe, series, target, opt, verdict, defect } = state.filters;
    if (recipe && line.name !== recipe) return false;
    if (series && DATA.series[line.series][0] !== series) return false;
    if (target && line.target !== target) return false;
    if (opt && line.opt !== opt) return false;
    if (!verdict && !defect) return true;
    return line.cells.some((vector) => vector >= 0
      && (!verdict || VERDICTS[DATA.vectors[vector][0]] === verdict)
      && (!defect || kinds[vector].has(defect)));
  };

  const labelOf = (line) => `${line.name}${severalTargets ? ` ${line.target}` : ""} -O${line.opt}${line.extra ? ` ${line.extra}` : ""}`;
  const majorOf = (llvm) => (llvm || "").split(/[.~]/)[0];
  const describe = (vector) => {
    const [verdict, marks] = DATA.vectors[vector];
    return marks ? `${VERDICTS[verdict]}: ${marks}` : VERDICTS[verdict];
  };

  const cellButton = (line, place) => {
    const vector = line.cells[place];
    const verdict = DATA.vectors[vector][0];
    const worse = verdict === 1 && counts[vector] > 1 ? (counts[vector] > 2 ? "3" : "2") : "";
    const dim = (state.filters.defect && !kinds[vector].has(state.filters.defect))
      || (state.filters.verdict && VERDICTS[verdict] !== state.filters.verdict);
    const version = DATA.series[line.series][1][place][0];
    return element("button", {
      type: "button", class: `${VERDICTS[verdict]}${worse}`, tabindex: -1, "data-line": line.number, "data-place": place,
      style: dim ? "opacity:.35" : null,
      "aria-label": `${labelOf(line)}, ${DATA.series[line.series][0]} ${version}: ${describe(vector)}`,
      title: `${version}: ${describe(vector)}`,
    }, GLYPHS[verdict]);
  };

  const head = (series, from, to) => {
    const points = DATA.series[series][1].slice(from, to);
    const majors = element("tr", {}, element("th", { scope: "row" }, "LLVM"));
    for (let start = 0; start < points.length;) {
      let end = start;
      while (end < points.length && majorOf(points[end][1]) === majorOf(points[start][1])) end += 1;
      majors.append(element("th", { scope: "colgroup", colspan: end - start, class: "llvm" }, majorOf(points[start][1]) || "–"));
      start = end;
    }
    const versions = element("tr", {}, element("th", { scope: "col" }, "Recipe and level"));
    for (const [version, , compiler] of points) {
      versions.append(element("th", { scope: "col", class: "version", title: compiler }, version));
    }
    return element("thead", {}, majors, versions);
  };

  const block = (series, fitting) => {
    const [name, points] = DATA.series[series];
    const end = Math.min(state.end.get(series) ?? points.length, points.length);
    const from = Math.max(0, end - COLUMNS);
    const rows = state.rows.get(series) ?? ROWS;
    const body = element("tbody");
    for (const line of fitting.slice(0, rows)) {
      const row = element("tr", {}, element("th", { scope: "row" }, labelOf(line)));
      for (let place = from; place < end; place += 1) {
        row.append(line.cells[place] < 0
          ? element("td", {}, element("span", { class: "sr" }, "not measured"))
          : element("td", {}, cellButton(line, place)));
      }
      body.append(row);
    }
    const table = element("table", { class: "matrix", "aria-label": `Verdicts of series ${name}` }, head(series, from, end), body);
    const made = element("section", { "aria-label": name }, element("h3", {}, name));
    if (points.length > COLUMNS) {
      const go = (text, to, off) => {
        const button = element("button", { type: "button", "data-go": `${name} ${text}`, disabled: off ? "" : null }, text);
        button.addEventListener("click", () => { state.end.set(series, to); render(`${name} ${text}`); });
        return button;
      };
      made.append(element("div", { class: "pager" },
        go("← older versions", Math.max(COLUMNS, end - COLUMNS), from === 0),
        go("newer versions →", Math.min(points.length, end + COLUMNS), end === points.length),
        `${from + 1} to ${end} of ${points.length} versions`));
    }
    made.append(element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": `Matrix of ${name}` }, table));
    if (fitting.length > rows) {
      const more = element("button", { type: "button", "data-go": `${name} more` }, `Show ${Math.min(ROWS, fitting.length - rows)} more of ${fitting.length} rows`);
      more.addEventListener("click", () => { state.rows.set(series, rows + ROWS); render(`${name} more`); });
      made.append(element("div", { class: "pager" }, more));
    }
    const first = body.querySelector("button");
    if (first) first.tabIndex = 0;
    return made;
  };

  const render = (focus) => {
    const fitting = lines.filter(fits);
    const bySeries = new Map();
    for (const line of fitting) {
      if (!bySeries.has(line.series)) bySeries.set(line.series, []);
      bySeries.get(line.series).push(line);
    }
    blocks.replaceChildren(...[...bySeries].map(([series, some]) => block(series, some)));
    if (!fitting.length) blocks.append(element("p", {}, "Nothing fits."));
    byId("count").textContent = `${fitting.length} of ${lines.length} rows`;
    for (const row of document.querySelectorAll("tr[data-recipe]")) row.hidden = !rowFits(row);
    if (focus) [...blocks.querySelectorAll("[data-go]")].find((button) => button.dataset.go === focus)?.focus();
  };

  const rowFits = (row) => FIELDS.every((name) => {
    const wanted = state.filters[name];
    return !wanted || row.dataset[name] === undefined || row.dataset[name].split(" ").includes(wanted);
  });

  // The address: #recipe=…&opt=…, with cell=series/version/recipe/target/level when one is open, or a section's name.
  const address = (open = state.open) => {
    const words = new URLSearchParams();
    for (const name of FIELDS) if (state.filters[name]) words.set(name, state.filters[name]);
    if (open) {
      const line = lines[open.line];
      words.set("cell", [DATA.series[line.series][0], DATA.series[line.series][1][open.place][0], line.name, line.target, line.opt, line.extra].join("/"));
    }
    return `#${words}`;
  };

  const read = () => {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) return; // a section
    const words = new URLSearchParams(text);
    state.filters = Object.fromEntries(FIELDS.map((name) => [name, words.get(name) ?? ""]));
    for (const name of FIELDS) {
      form.elements[name].value = state.filters[name];
      if (form.elements[name].value !== state.filters[name]) form.elements[name].value = state.filters[name] = "";
    }
    state.open = find(words.get("cell"));
    render();
    show();
  };

  const find = (told) => {
    if (!told) return null;
    const [series, version, name, target, opt, extra = ""] = told.split("/");
    const line = lines.find((one) => DATA.series[one.series][0] === series && one.name === name && one.target === target
      && one.opt === opt && one.extra === extra);
    const place = line ? DATA.series[line.series][1].findIndex((point) => point[0] === version) : -1;
    return place < 0 || line.cells[place] < 0 ? null : { line: line.number, place };
  };

  const neighbour = (step) => {
    const line = lines[state.open.line];
    let place = state.open.place + step;
    while (place >= 0 && place < line.cells.length && line.cells[place] < 0) place += step;
    return place >= 0 && place < line.cells.length ? { line: line.number, place } : null;
  };

  const show = () => {
    if (!state.open) {
      if (dialog.open) dialog.close();
      return;
    }
    const line = lines[state.open.line], { place } = state.open;
    const [version, llvm, compiler] = DATA.series[line.series][1][place];
    byId("cell-title").textContent = `${labelOf(line)} on ${DATA.series[line.series][0]} ${version}: ${VERDICTS[DATA.vectors[line.cells[place]][0]]}`;
    byId("cell-facts").textContent = `${compiler}${llvm ? `, LLVM ${llvm}` : ""}, ${line.target}, cell ${line.keys.split(" ")[place]}`;
    byId("cell-link").href = address();
    byId("older").disabled = !neighbour(-1);
    byId("newer").disabled = !neighbour(1);
    byId("cell-code").replaceChildren(...code(line.codes[place]));
    if (!dialog.open) dialog.showModal();
  };

  const code = (number) => {
    if (number < -1) return [element("p", {}, DATA.reasons[-2 - number] || "No object.")];
    const parts = [];
    for (const [name, listing, defects] of DATA.codes[number] ?? []) {
      const shown = element("pre", { tabindex: 0, "aria-label": `Code of ${name}` });
      let where = "";
      for (const [within, position, text, wrong] of listing) {
        if (within !== where) shown.append(`  ${within || name}:\n`);
        where = within;
        const [mnemonic, ...operands] = text.split(/\s+/);
        const told = `${position.toString(16).padStart(6)}  ${mnemonic.padEnd(8)}${operands.join(" ")}`;
        shown.append(wrong ? element("mark", {}, `▶ ${told}`) : `  ${told}`, "\n");
      }
      if (!listing.length) shown.append("(no code)");
      parts.push(element("h3", {}, element("code", {}, name)), shown);
      for (const [kind, access, instruction, why] of defects) {
        parts.push(element("p", { class: "why" }, element("strong", {}, kind), access ? ` of ${access}` : "", instruction ? ` (${instruction.split(/\s+/).join(" ")})` : "", `: ${why}`));
      }
    }
    return parts;
  };

  const open = (found) => {
    state.open = found;
    history.replaceState(null, "", address());
    show();
  };

  blocks.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-line]");
    if (button) open({ line: Number(button.dataset.line), place: Number(button.dataset.place) });
  });

  // Arrow keys move among the cells of one table; only one of them is in the order of the Tab key.
  blocks.addEventListener("keydown", (event) => {
    const here = event.target.closest("button[data-line]");
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!here || !steps) return;
    event.preventDefault();
    let row = here.closest("tr"), column = here.closest("td").cellIndex;
    for (;;) {
      if (steps[0]) row = steps[0] > 0 ? row.nextElementSibling : row.previousElementSibling;
      column += steps[1];
      const cell = row?.cells[column];
      if (!cell || column < 1) return;
      const next = cell.querySelector("button");
      if (next) {
        here.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
        return;
      }
    }
  });

  dialog.addEventListener("close", () => {
    const last = state.open;
    if (!last) return;
    state.open = null;
    history.replaceState(null, "", address());
    blocks.querySelector(`button[data-line="${last.line}"][data-place="${last.place}"]`)?.focus();
  });
  byId("older").addEventListener("click", () => open(neighbour(-1)));
  byId("newer").addEventListener("click", () => open(neighbour(1)));

  form.addEventListener("change", () => {
    for (const name of FIELDS) state.filters[name] = form.elements[name].value;
    state.rows.clear();
    history.replaceState(null, "", address());
    render();
  });
  form.addEventListener("reset", () => {
    state.filters = {};
    state.rows.clear();
    history.replaceState(null, "", "#");
    setTimeout(() => render());
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", read);

  const theme = byId("theme");
  const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const paint = () => { theme.textContent = dark() ? "Light" : "Dark"; theme.setAttribute("aria-pressed", String(dark())); };
  theme.addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; paint(); });
  paint();

  read();
  if (!location.hash.includes("=")) render();
})();
