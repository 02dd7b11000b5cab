// Opens every dashboard in Chromium, in the preview and in the gateway's own `/usage`, fails on any fault, error or empty
// panel, and keeps a picture of each.
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

// Each runs in the page. `settled` is whether everything that was asked is answered; `seen` is what is there to see.
const grafana = {
  settled: () => window.gantry?.journal.panels.size >= window.gantry?.panels && window.gantry.journal.asked === window.gantry.journal.answered && window.gantry.journal.asked,
  seen: () => {
    const panels = [...document.querySelectorAll('section[data-testid^="data-testid Panel header"]')];
    const title = (panel) => panel.getAttribute("data-testid").replace("data-testid Panel header ", "");
    const content = '[data-testid="data-testid panel content"]';
    const isDrawn = (panel) => panel.querySelector('canvas, [role="grid"], [data-testid="nothing"]') || panel.querySelector(content)?.innerText.trim();
    const empty = panels.filter((panel) => panel.querySelector('[data-testid="no-data"]') || !isDrawn(panel)).map(title);
    return { faults: window.gantry.journal.faults, expected: window.gantry.panels, drawn: panels.length, empty };
  },
};
const usage = {
  settled: () => window.gantry?.asked > 1 && window.gantry.asked === window.gantry.answered && window.gantry.asked,
  seen: () => {
    const panels = [...document.querySelectorAll("main > section")];
    const empty = panels.filter((panel) => !panel.querySelector("canvas, table, meter, .figure, .nothing")).map((panel) => panel.querySelector("h2").textContent);
    const faults = [...window.gantry.faults];
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the view");
    return { faults, expected: panels.length, drawn: panels.length, empty };
  },
};

/** What is wrong with the page; nothing, when all is well. */
async function look(name, url, { settled, seen }, view, options = {}) {
  const context = await browser.newContext({ viewport: view, timezoneId: "UTC", ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  // A sign-in begins with an answer that says so.
  const isSignIn = (text) => text.includes("401");
  page.on("console", (message) => message.type() === "error" && !isSignIn(message.text()) && wrong.push(`console: ${message.text()}`));
  page.on("response", (answer) => answer.status() >= 400 && answer.status() !== 401 && wrong.push(`${answer.status()}: ${answer.url()}`));
  await page.goto(url);
  let [before, since] = [0, Date.now()];
  for (const end = Date.now() + SETTLE_MS; Date.now() - since < QUIET_MS; await page.waitForTimeout(100)) {
    const now = await page.evaluate(settled);
    if (!now || now !== before) [before, since] = [now, Date.now()];
    if (Date.now() > end) {
      wrong.push("it does not settle");
      break;
    }
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

const menu = await (await fetch(`${preview}/api/dashboards`)).json();
let well = true;
for (const { name } of menu) {
  well = (await look(name, `${preview}/d/gantry-${name}?from=now-5m&refresh=`, grafana, DESK)) && well;
}
const signedIn = { httpCredentials: { username: "me", password } };
for (const { name } of menu.filter((it) => it.name !== "health")) {
  well = (await look(`usage-${name}`, `${admin}/usage#${name}?from=now-15m`, usage, DESK, { ...signedIn, colorScheme: "light" })) && well;
}
well = (await look("usage-phone", `${admin}/usage#overview?from=now-15m`, usage, PHONE, { ...signedIn, colorScheme: "dark" })) && well;
await browser.close();
process.exit(well ? 0 : 1);
