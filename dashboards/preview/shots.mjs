// Opens every dashboard in Chromium, in the preview and in the gateway's own `/usage`, fails on any fault, error or empty
// panel, and keeps a picture of each. Then it clicks through them as a reader would, and goes through `/usage` by keyboard.
//
//     GANTRY_ADMIN_CREDENTIAL=… node shots.mjs PREVIEW ADMIN FOLDER
import { chromium } from "playwright-core";

const [preview, admin, folder] = process.argv.slice(2);
const password = process.env.GANTRY_ADMIN_CREDENTIAL;
const SETTLE_MS = 60_000;
const QUIET_MS = 1_000;
const DESK = { width: 1600, height: 1000 };
const PHONE = { width: 390, height: 844 };

const browser = await chromium.launch({
  executablePath: process.env.GANTRY_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// A curve has a colour, and what it is drawn on has none; known in the page as `isBlank`.
const isBlank = (canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width || 1, canvas.height || 1);
  for (let at = 0; at < data.length; at += 4) {
    const [red, green, blue, alpha] = data.subarray(at, at + 4);
    if (alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) return false;
  }
  return true;
};

// Each runs in the page. `settled` is whether everything that was asked is answered; `seen` is what is there to see.
const grafana = {
  settled: () => window.gantry?.journal.panels.size >= window.gantry?.panels && window.gantry.journal.asked === window.gantry.journal.answered && window.gantry.journal.asked,
  seen: () => {
    const panels = [...document.querySelectorAll('section[data-testid^="data-testid Panel header"]')];
    const title = (panel) => panel.getAttribute("data-testid").replace("data-testid Panel header ", "");
    const content = '[data-testid="data-testid panel content"]';
    const isDrawn = (panel) => [...panel.querySelectorAll("canvas")].every((it) => !isBlank(it)) && panel.querySelector('canvas, [role="grid"], [data-testid="nothing"]') || panel.querySelector(content)?.innerText.trim();
    const empty = panels.filter((panel) => panel.querySelector('[data-testid="no-data"]') || !isDrawn(panel)).map(title);
    return { faults: window.gantry.journal.faults, expected: window.gantry.panels, drawn: panels.length, empty };
  },
};
const usage = {
  settled: () => window.gantry?.asked > 1 && window.gantry.asked === window.gantry.answered && window.gantry.asked,
  seen: () => {
    const panels = [...document.querySelectorAll("main > section")];
    const isDrawn = (panel) => [...panel.querySelectorAll("canvas")].every((it) => !isBlank(it)) && panel.querySelector("canvas, table, meter, .figure, .nothing");
    const empty = panels.filter((panel) => !isDrawn(panel)).map((panel) => panel.querySelector("h2").textContent);
    const faults = [...window.gantry.faults];
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the view");
    return { faults, expected: panels.length, drawn: panels.length, empty };
  },
};

/** What is wrong with the page; nothing, when all is well. `act` does something with it once it is drawn, and says what went wrong. */
async function look(name, url, { settled, seen }, view, { act, ...options } = {}) {
  const context = await browser.newContext({ viewport: view, timezoneId: "UTC", ...options });
  await context.addInitScript(`globalThis.isBlank = ${isBlank}`);
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  // A sign-in begins with an answer that says so.
  const isSignIn = (text) => text.includes("401");
  page.on("console", (message) => message.type() === "error" && !isSignIn(message.text()) && wrong.push(`console: ${message.text()}`));
  page.on("response", (answer) => answer.status() >= 400 && answer.status() !== 401 && wrong.push(`${answer.status()}: ${answer.url()}`));
  await page.goto(url);
  if (!(await settle(page, settled))) wrong.push("it does not settle");
  if (act) {
    wrong.push(...(await act(page).catch((fault) => [String(fault)])));
    if (!(await settle(page, settled))) wrong.push("it does not settle again");
  }
  // The whole page in one view: a picture of more than the view would draw everything anew while it is taken.
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width: view.width, height: Math.max(view.height, whole) });
  await page.waitForTimeout(QUIET_MS);
  const { faults, expected, drawn, empty } = await page.evaluate(seen);
  wrong.push(...faults);
  if (drawn !== expected || drawn === 0) wrong.push(`${drawn} of ${expected} panels were drawn`);
  wrong.push(...empty.map((title) => `the panel "${title}" is empty`));
  await page.screenshot({ path: `${folder}/${name}.png` });
  await context.close();
  console.log(`${name}: ${wrong.length === 0 ? "well" : "\n  " + wrong.join("\n  ")}`);
  return wrong.length === 0;
}

/** Waits until nothing has been asked for a while. */
async function settle(page, settled) {
  let [before, since] = [0, Date.now()];
  for (const end = Date.now() + SETTLE_MS; Date.now() - since < QUIET_MS; await page.waitForTimeout(100)) {
    // A click may have led to another page, which is being loaded.
    const now = await page.evaluate(settled).catch(() => 0);
    if (!now || now !== before) [before, since] = [now, Date.now()];
    if (Date.now() > end) return false;
  }
  return true;
}

// --- what a reader does; each says what went wrong ---

/** In the preview: from an agent to its calls, and from a call to its session, by clicks. */
async function drill(page) {
  const wrong = [];
  const go = async (expected) => {
    await page.waitForURL(expected, { timeout: SETTLE_MS }).catch(() => wrong.push(`a click led to ${page.url()}, not ${expected}`));
    if (!(await settle(page, grafana.settled))) wrong.push(`${page.url()} does not settle`);
  };
  const agent = page.locator('[role="grid"] [role="gridcell"] >> text="billing-bot"').first();
  await agent.click();
  await page.getByText("Calls of this agent").first().click();
  await go(/\/d\/gantry-audit\?.*var-agent=billing-bot/);
  const session = page.locator('[role="grid"] [role="gridcell"] a[href*="var-session="]:visible').first();
  await session.click();
  await go(/\/d\/gantry-audit\?.*var-session=[0-9a-f]+/);
  return wrong;
}

/** In `/usage`: from an agent to its calls. */
async function follow(page) {
  const link = page.locator("main td a").first();
  const text = await link.textContent();
  await link.click();
  await page.waitForFunction((text) => location.hash.includes(`=${encodeURIComponent(text)}`), text, { timeout: SETTLE_MS });
  await settle(page, usage.settled);
  const chosen = await page.locator("form summary").allTextContents();
  return chosen.some((it) => it.endsWith(`: ${text}`)) ? [] : [`nothing says that ${text} is selected: ${chosen}`];
}

/** New calls come by themselves, and are marked; a list that is scrolled stays where it is. */
async function live(page) {
  await page.locator("tr.new").first().waitFor({ timeout: SETTLE_MS });
  const status = page.locator("form button");
  return (await status.getAttribute("aria-pressed")) === "true" ? [] : ["the live page does not say that it is live"];
}

/** Tab goes through the page as it reads, to the panels at once if so wished, and always shows where it is. */
async function keyboard(page) {
  const wrong = [];
  const here = () => page.evaluate(() => {
    const it = document.activeElement;
    const box = it.getBoundingClientRect();
    return { text: (it.ariaLabel || it.textContent || it.name || "").trim().slice(0, 40), kind: it.localName, id: it.id, outline: getComputedStyle(it).outlineStyle, isSeen: box.width > 0 && box.height > 0 && box.left >= 0 };
  });
  const stops = [];
  for (let at = 0; at < 40; at += 1) {
    await page.keyboard.press("Tab");
    const stop = await here();
    if (stop.kind === "body") break;
    if (!stop.isSeen || stop.outline === "none") wrong.push(`the focus is not to be seen at ${stop.kind} ${stop.text}`);
    stops.push(stop);
  }
  const kinds = stops.map(({ kind }) => kind).join(" ");
  if (!/^a( a){7} select( summary)+ button/.test(kinds)) wrong.push(`the order of the keyboard is ${kinds}`);
  await page.evaluate(() => document.activeElement.blur());
  await page.locator("a.skip").focus();
  await page.keyboard.press("Enter");
  if ((await here()).id !== "panels") wrong.push("the first link does not lead to the panels");
  await page.locator("form summary").last().focus();
  await page.keyboard.press("Enter");
  await page.locator("form details[open] label input").first().waitFor({ timeout: SETTLE_MS }).catch(() => wrong.push("a choice does not open by keyboard"));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  if (!(await page.evaluate(() => document.activeElement.checked))) wrong.push("a choice cannot be made by keyboard");
  await page.keyboard.press("Escape");
  if ((await page.locator("form details[open]").count()) > 0 || (await here()).kind !== "summary") wrong.push("Escape does not close a choice");
  if (!page.url().includes("&")) wrong.push("the address does not hold the choice");
  return wrong;
}

const menu = await (await fetch(`${preview}/api/dashboards`)).json();
let well = true;
// Tables of hours have nothing to draw within minutes.
const span = (name, minutes) => (["agents", "cost"].includes(name) ? "now-6h" : minutes);
for (const { name } of menu) {
  well = (await look(name, `${preview}/d/gantry-${name}?from=${span(name, "now-5m")}&refresh=`, grafana, DESK)) && well;
}
const signedIn = { httpCredentials: { username: "me", password } };
for (const { name } of menu.filter((it) => it.name !== "health")) {
  well = (await look(`usage-${name}`, `${admin}/usage#${name}?from=now-15m`, usage, DESK, { ...signedIn, colorScheme: "light" })) && well;
}
well = (await look("drilled", `${preview}/d/gantry-agents?from=now-15m&refresh=`, grafana, DESK, { act: drill })) && well;
well = (await look("usage-live", `${admin}/usage#live`, usage, DESK, { ...signedIn, colorScheme: "dark", act: live })) && well;
well = (await look("usage-drilled", `${admin}/usage#agents?from=now-15m`, usage, DESK, { ...signedIn, colorScheme: "dark", act: follow })) && well;
well = (await look("usage-keyboard", `${admin}/usage#security?from=now-15m`, usage, DESK, { ...signedIn, act: keyboard })) && well;
well = (await look("usage-phone-calls", `${admin}/usage#audit?from=now-15m`, usage, PHONE, { ...signedIn, colorScheme: "light" })) && well;
well = (await look("usage-phone", `${admin}/usage#overview?from=now-15m`, usage, PHONE, { ...signedIn, colorScheme: "dark" })) && well;
await browser.close();
process.exit(well ? 0 : 1);
