// The usage page: the same dashboards as Grafana's, drawn in the browser from their JSON.
// It names a panel and what is selected; the server fills in the query. Everything that comes back is put into the
// page as text, never as markup.

import { clock, day, isNumber, isTime, seconds, shown, ticks } from "./words.js";

const POINTS_MAX = 2000;
const TAIL_MS = 3_000;
/** The page that follows the calls as they come: this panel of that dashboard. */
const LIVE = { name: "live", title: "Live calls", of: "gantry-audit", panel: "Calls", key: "event_id" };
const REFRESH_MS = 30_000;
const RANGES = { "now-15m": "15 minutes", "now-1h": "1 hour", "now-6h": "6 hours", "now-24h": "24 hours", "now-7d": "7 days", "now-30d": "30 days" };
const COLOURS = ["#3274d9", "#e0871f", "#37872d", "#a352cc", "#c4162a", "#1f9d9d", "#b8860b", "#7a8088"];
/** What is selected on one page stays selected on the next. */
const CARRIED = ["tenant", "team", "agent", "server"];
/** The column that says how a call ended, and the ends that count against the service. */
const OUTCOME = "result";
const FAILED = ["upstream_error", "timeout", "gateway_error"];
/** What nobody reads to its end. */
const ID = /^[0-9a-f]{32}$/;
/** Grafana's names of colours. */
const FIXED = {
  green: "#37872d", yellow: "#b8860b", orange: "#e0871f", red: "#c4162a", "dark-red": "#8f1020", "dark-purple": "#6c2fa0", purple: "#a352cc",
  "light-purple": "#c58ae0", blue: "#3274d9", "light-blue": "#7fa8ea", "light-orange": "#f0b070", text: "#7a8088",
};
const NAMED = { green: "good", orange: "warn", red: "bad", blue: "plain" };

const page = { dashboards: [], name: "", shown: null, selection: {}, from: null, plots: [], turn: 0, tail: false, timer: 0, known: null };
// For the test in a browser.
window.gantry = { asked: 0, answered: 0, faults: [] };

/** As the style has it: one column of panels. Tables leave out what is empty there. */
const NARROW = matchMedia("(max-width: 800px)");

const find = (id) => document.getElementById(id);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

async function ask(path, question) {
  window.gantry.asked += 1;
  try {
    const body = question && JSON.stringify(question);
    const answer = await fetch(`/usage/api/${path}`, { method: body ? "POST" : "GET", headers: body ? { "content-type": "application/json" } : {}, body });
    if (!answer.ok) throw new Error(await answer.text());
    return await answer.json();
  } catch (fault) {
    window.gantry.faults.push(String(fault));
    throw fault;
  } finally {
    window.gantry.answered += 1;
  }
}

/** What every question says: the dashboard, the range and the selection. */
function common() {
  const unit = { m: 60_000, h: 3_600_000, d: 86_400_000 };
  const [, number, letter] = /^now-(\d+)([mhd])$/.exec(page.from);
  const to_ms = Date.now();
  return { dashboard: short(page.shown), question: { from_ms: to_ms - Number(number) * unit[letter], to_ms, selection: page.selection } };
}

/** The class of the step that a value has reached. */
function rating(thresholds, value) {
  let name = "";
  for (const { color, value: from } of thresholds?.steps ?? []) if (from === null || value >= from) name = color;
  return NAMED[name] ?? "";
}

// --- panels ---

function override(panel, name) {
  const found = panel.fieldConfig.overrides.find(({ matcher }) => matcher.options === name);
  return Object.fromEntries((found?.properties ?? []).map(({ id, value }) => [id, value]));
}

function figure(panel, { data }) {
  const value = data[0]?.[0];
  const { unit, thresholds } = panel.fieldConfig.defaults;
  const number = value === null || value === undefined ? NaN : Number(value);
  return make("p", { className: `figure ${rating(thresholds, number)}`, textContent: shown(number, unit) });
}

function bars(panel, { data }) {
  const { unit } = panel.fieldConfig.defaults;
  const max = Math.max(...data.map((row) => Number(row[1])), 0);
  const rows = data.map(([name, value]) =>
    make("div", { className: "bar" }, make("span", { textContent: name }), make("span", { textContent: shown(Number(value), unit) }), make("meter", { min: 0, max: max || 1, value: Number(value), ariaLabel: name })));
  return make("div", {}, ...rows);
}

function table(panel, { meta, data }) {
  const isUsed = (place) => !NARROW.matches || data.some((row) => row[place] !== "");
  const columns = meta.map(({ name, type }, place) => ({ ...override(panel, name), name, type, place })).filter(({ place }) => isUsed(place));
  const head = columns.map(({ name, displayName, type }) => make("th", { scope: "col", className: isNumber(type) ? "number" : "", textContent: displayName ?? name }));
  const isNew = arrivals(meta, data);
  const rows = data.map((row, at) => make("tr", { className: isNew(at) ? "new" : "" }, ...columns.map((column) => cell(panel, column, row[column.place]))));
  return make("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: panel.title },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

/** A moment; on a phone one of today without its date. */
const when = (moment) => (NARROW.matches && day(moment) === day(new Date()) ? clock(moment) : `${day(moment)} ${clock(moment)}`);

const brief = (text) => (ID.test(text) ? `${text.slice(0, 8)}…` : text);

/** Which rows have come since the answer before, where calls are followed. */
function arrivals(meta, data) {
  const place = meta.findIndex(({ name }) => name === LIVE.key);
  if (page.name !== LIVE.name || place < 0) return () => false;
  const [before, now] = [page.known, new Set(data.map((row) => row[place]))];
  page.known = now;
  return (at) => before !== null && !before.has(data[at][place]);
}

function cell(panel, column, value) {
  const { type, unit = panel.fieldConfig.defaults.unit, thresholds, links } = column;
  if (isTime(type)) return make("td", { textContent: when(new Date(seconds(value) * 1000)) });
  if (isNumber(type)) return make("td", { className: `number ${thresholds ? rating(thresholds, Number(value)) : ""}`, textContent: shown(Number(value), unit) });
  if (column.name === OUTCOME) return make("td", { className: FAILED.includes(value) ? "bad" : value === "ok" ? "" : "warn", textContent: value });
  const target = links?.map(({ url }) => /^\/d\/gantry-(\w+)\?.*&var-(\w+)=/.exec(url)).find((found) => found);
  if (!target || value === "") return make("td", { textContent: brief(Array.isArray(value) ? value.join(", ") : String(value ?? "")), title: ID.test(value) ? value : "" });
  const [, to, variable] = target;
  const href = `#${to}?${new URLSearchParams([["from", page.from], [variable, value]])}`;
  return make("td", {}, make("a", { href, textContent: brief(value), title: value }));
}

/** Long to wide: times, then a list of numbers for each series. */
function series(panel, { meta, data }) {
  const time = meta.findIndex(({ type }) => isTime(type));
  const labels = meta.flatMap(({ type }, place) => (place !== time && !isNumber(type) ? [place] : []));
  const numbers = meta.flatMap(({ type }, place) => (place !== time && isNumber(type) ? [place] : []));
  const times = [...new Set(data.map((row) => seconds(row[time])))].sort((a, b) => a - b).slice(-POINTS_MAX);
  const place = new Map(times.map((moment, index) => [moment, index]));
  const found = new Map();
  for (const row of data) {
    for (const number of numbers) {
      const name = labels.length > 0 ? labels.map((label) => row[label]).join(" ") || "none" : meta[number].name;
      if (!found.has(name)) found.set(name, new Array(times.length).fill(null));
      found.get(name)[place.get(seconds(row[time]))] = row[number] === null ? null : Number(row[number]);
    }
  }
  return { times, found };
}

function curves(panel, answer, space) {
  const { times, found } = series(panel, answer);
  const { unit, custom } = panel.fieldConfig.defaults;
  const names = [...found.keys()];
  const plain = names.map((name) => found.get(name));
  const stacked = custom.stacking.mode === "normal";
  const sum = new Array(times.length).fill(0);
  const drawn = stacked ? plain.map((values) => values.map((value, at) => (sum[at] += value ?? 0))) : plain;
  const style = getComputedStyle(document.body);
  const axis = { stroke: style.color, grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false } };
  const { from_ms, to_ms } = common().question;
  // An hour that has begun before the range is in it, and stands where it began.
  const begin = Math.min(from_ms / 1000, times[0]);
  const plot = new uPlot({
    width: Math.max(space.clientWidth, 200), height: 220, cursor: { sync: { key: "usage" } }, scales: { x: { range: () => [begin, to_ms / 1000] }, y: { range: (_, __, max) => [0, max || 1] } },
    bands: stacked ? names.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })) : [],
    axes: [{ ...axis, values: (_, times, __, ___, step) => ticks(times, step) }, { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => shown(tick, unit)) }],
    series: [{ label: "Time", value: (_, time) => (time === null ? "" : clock(new Date(time * 1000))) }, ...names.map((name, at) => {
      const { displayName = name, color } = override(panel, name);
      const stroke = FIXED[color?.fixedColor] ?? COLOURS[at % COLOURS.length];
      const value = (_, __, ___, point) => (point === null ? "–" : shown(plain[at][point], unit));
      return { label: displayName, stroke, width: 1.5, fill: stacked ? `${stroke}40` : undefined, value };
    })],
  }, [times, ...drawn], space);
  page.plots.push({ plot, space });
  const last = names.map((name) => [name, found.get(name).findLast((value) => value !== null) ?? null]);
  const rows = last.map(([name, value]) => make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { className: "number", textContent: shown(value, unit) })));
  return make("details", {}, make("summary", { textContent: "Latest values as a table" }), make("table", {}, make("tbody", {}, ...rows)));
}

async function draw(panel, section, turn) {
  const space = section.querySelector(".space");
  let answer;
  try {
    answer = await ask("panel", { ...common(), panel: panel.id, target: 0 });
  } catch (fault) {
    space.replaceChildren(make("p", { className: "fault", textContent: `No answer: ${fault.message}` }));
    return;
  }
  if (turn !== page.turn) return;
  if (answer.data.length === 0) {
    space.replaceChildren(make("p", { className: "nothing", textContent: panel.fieldConfig.defaults.noValue ?? "Nothing in this range" }));
    return;
  }
  if (panel.type !== "timeseries") {
    keep(space, () => space.replaceChildren({ stat: figure, bargauge: bars, table }[panel.type](panel, answer)));
    return;
  }
  page.plots.filter((it) => it.space === space).forEach((it) => it.plot.destroy());
  page.plots = page.plots.filter((it) => it.space !== space);
  keep(space, () => {
    space.replaceChildren();
    space.append(curves(panel, answer, space));
  });
}

/** Draws anew, and leaves the reader where they were: scrolled, opened and focused. */
function keep(space, draw) {
  const before = space.querySelector(".scroll");
  const [left, top] = [before?.scrollLeft ?? 0, before?.scrollTop ?? 0];
  const isOpen = space.querySelector("details")?.open ?? false;
  const focusable = ".scroll, summary, a";
  const at = [...space.querySelectorAll(focusable)].indexOf(document.activeElement);
  draw();
  space.querySelector(".scroll")?.scrollTo({ left, top, behavior: "instant" });
  const details = space.querySelector("details");
  if (details) details.open = isOpen;
  if (at >= 0) space.querySelectorAll(focusable)[at]?.focus({ preventScroll: true });
}

// --- the page ---

const short = ({ uid }) => uid.replace("gantry-", "");
/** `Gantry / 2 Agents and usage` without what orders Grafana's list. */
const plain = ({ title }) => title.replace(/^Gantry \/ \d+ /, "");

/** A page over the same range, with what it knows of the selection. */
function link(to, dashboard) {
  const query = new URLSearchParams(dashboard ? [["from", page.from]] : []);
  const knows = dashboard ? dashboard.templating.list.map(({ name }) => name) : Object.keys(page.selection);
  for (const [variable, values] of Object.entries(page.selection)) {
    if (CARRIED.includes(variable) && knows.includes(variable)) values.forEach((value) => query.append(variable, value));
  }
  return `#${to}?${query}`;
}

function open() {
  const [name, query] = location.hash.slice(1).split("?");
  const asked = new URLSearchParams(query);
  const isLive = name === LIVE.name;
  const found = page.dashboards.find(({ uid }) => uid === (isLive ? LIVE.of : `gantry-${name}`)) ?? page.dashboards[0];
  page.shown = isLive ? { ...found, panels: found.panels.filter(({ title }) => title === LIVE.panel) } : found;
  const before = page.name;
  page.name = isLive ? LIVE.name : short(found);
  page.known = null;
  if (page.name !== before) page.tail = isLive;
  page.from = asked.get("from") in RANGES ? asked.get("from") : isLive ? "now-15m" : page.shown.time.from;
  page.selection = {};
  for (const { name: variable, type } of page.shown.templating.list) {
    if (type === "query" || type === "textbox") page.selection[variable] = variable === "trace_url" ? [] : asked.getAll(variable);
  }
  const title = isLive ? LIVE.title : plain(page.shown);
  document.title = `${title} · Gantry`;
  const menu = [...page.dashboards.map((it) => [short(it), plain(it), it]), [LIVE.name, LIVE.title, null]];
  find("menu").replaceChildren(...menu.map(([to, text, of]) =>
    make("a", { href: link(to, of), textContent: text, ariaCurrent: to === page.name ? "page" : null })));
  page.plots.forEach(({ plot }) => plot.destroy());
  page.plots = [];
  find("panels").replaceChildren(...page.shown.panels.map((panel) => {
    const id = `panel-${panel.id}`;
    const section = make("section", {}, make("h2", { id, textContent: panel.title }), ...question(panel.description), make("div", { className: "space" }));
    section.setAttribute("aria-labelledby", id);
    section.style.setProperty("--width", panel.gridPos.w);
    section.classList.toggle("whole", page.shown.panels.length === 1);
    return section;
  }));
  choices();
  refresh();
}

/** The question that a panel answers, and how to read the answer for who wants to know. */
function question(text) {
  const [, asked, further] = /^(.*?\?)(?: (.*))?$/s.exec(text) ?? [null, text, ""];
  if (!further) return [make("p", { className: "question", textContent: text })];
  return [make("details", { className: "question" }, make("summary", { textContent: asked }), make("p", { textContent: further.replaceAll("`", "") }))];
}

function address() {
  const query = new URLSearchParams([["from", page.from]]);
  for (const [variable, values] of Object.entries(page.selection)) values.forEach((value) => query.append(variable, value));
  return `#${page.name}?${query}`;
}

async function refresh() {
  clearTimeout(page.timer);
  const turn = ++page.turn;
  const sections = [...find("panels").children];
  await Promise.all(page.shown.panels.map((panel, at) => draw(panel, sections[at], turn)));
  if (turn !== page.turn) return;
  find("status").textContent = page.tail ? "" : `As of ${clock(new Date())}`;
  page.timer = setTimeout(refresh, page.tail ? TAIL_MS : REFRESH_MS);
}

function choices() {
  const range = make("select", { name: "range" }, ...Object.entries(RANGES).map(([value, text]) => make("option", { value, textContent: `Last ${text}`, selected: value === page.from })));
  range.addEventListener("change", () => { page.from = range.value; location.hash = address(); });
  const tail = make("button", { type: "button", textContent: "Live", title: "Ask anew every 3 seconds", ariaPressed: String(page.tail) });
  tail.addEventListener("click", () => { page.tail = !page.tail; tail.ariaPressed = String(page.tail); refresh(); });
  const variables = page.shown.templating.list.filter(({ type, name }) => type === "query" || (type === "textbox" && name !== "trace_url"));
  find("selection").replaceChildren(make("label", { textContent: "Range" }, range), ...variables.map(choice), tail);
}

function choice({ name, label, type }) {
  const chosen = page.selection[name];
  if (type === "textbox") {
    const input = make("input", { type: "text", value: chosen[0] ?? "", autocomplete: "off" });
    input.addEventListener("change", () => { page.selection[name] = input.value ? [input.value] : []; location.hash = address(); });
    return make("label", { textContent: label }, input);
  }
  const list = make("fieldset", {}, make("legend", { textContent: `${label}: none chosen is all` }));
  const details = make("details", {}, make("summary", { textContent: `${label}: ${chosen.join(", ") || "All"}` }), list);
  details.addEventListener("toggle", async () => {
    if (!details.open || list.childElementCount > 1) return;
    const values = await ask("values", { ...common(), variable: name }).catch(() => null);
    if (values?.length === 0 || !values) list.append(make("p", { textContent: values ? "None in this range" : "The values cannot be read" }));
    list.append(...[...new Set([...chosen, ...(values ?? [])])].map((value) => {
      const box = make("input", { type: "checkbox", checked: chosen.includes(value) });
      box.addEventListener("change", () => {
        page.selection[name] = box.checked ? [...page.selection[name], value] : page.selection[name].filter((it) => it !== value);
        details.querySelector("summary").textContent = `${label}: ${page.selection[name].join(", ") || "All"}`;
        history.replaceState(null, "", address());
        find("menu").querySelectorAll("a").forEach((it, at) => { it.href = link(...(page.dashboards[at] ? [short(page.dashboards[at]), page.dashboards[at]] : [LIVE.name, null])); });
        refresh();
      });
      return make("label", {}, box, ` ${value}`);
    }));
  });
  details.addEventListener("keydown", (event) => { if (event.key === "Escape") { details.open = false; details.querySelector("summary").focus(); } });
  return details;
}

addEventListener("hashchange", open);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
addEventListener("resize", () => page.plots.forEach(({ plot, space }) => plot.setSize({ width: Math.max(space.clientWidth, 200), height: 220 })));
// Its address would be taken for that of a page.
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); find("panels").focus(); });
find("selection").addEventListener("submit", (event) => event.preventDefault());

try {
  page.dashboards = await ask("dashboards");
  open();
} catch (fault) {
  find("status").textContent = `The dashboards cannot be read: ${fault.message}`;
}
