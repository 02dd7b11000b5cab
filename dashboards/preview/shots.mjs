// Opens every dashboard in Chromium, fails on any fault, error or empty panel, and keeps a picture of each.
//
//     node shots.mjs http://127.0.0.1:3000 FOLDER
import { chromium } from "playwright-core";

const [base, folder] = process.argv.slice(2);
const SETTLE_MS = 60_000;
const QUIET_MS = 1_000;

const browser = await chromium.launch({
  executablePath: process.env.GANTRY_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** What is wrong with the page at `path`; nothing, when all is well. */
async function look(name, path, { width, height }) {
  const page = await browser.newPage({ viewport: { width, height }, timezoneId: "UTC" });
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(`error: ${error}`));
  page.on("console", (message) => message.type() === "error" && wrong.push(`console: ${message.text()}`));
  page.on("response", (answer) => answer.status() >= 400 && wrong.push(`${answer.status()}: ${answer.url()}`));
  await page.goto(base + path);
  await page.waitForFunction(
    (quiet) => {
      const { gantry } = window;
      if (!gantry || gantry.journal.panels.size < gantry.panels || gantry.journal.asked !== gantry.journal.answered) return false;
      if (gantry.seen !== gantry.journal.asked) [gantry.seen, gantry.since] = [gantry.journal.asked, Date.now()];
      return Date.now() - gantry.since > quiet;
    },
    QUIET_MS,
    { timeout: SETTLE_MS, polling: 100 },
  );
  // The whole page in one view: a picture of more than the view would draw everything anew while it is taken.
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.setViewportSize({ width, height: Math.max(height, whole) });
  await page.waitForTimeout(QUIET_MS);
  const seen = await page.evaluate(() => {
    const panels = [...document.querySelectorAll('section[data-testid^="data-testid Panel header"]')];
    const title = (panel) => panel.getAttribute("data-testid").replace("data-testid Panel header ", "");
    const isDrawn = (panel) => panel.querySelector('canvas, [role="grid"], [data-testid="nothing"], [data-testid^="data-testid Bar gauge"]') || panel.querySelector('[data-testid="data-testid panel content"]')?.innerText.trim();
    const isEmpty = (panel) => panel.querySelector('[data-testid="no-data"]') || !isDrawn(panel);
    return {
      faults: window.gantry.journal.faults,
      expected: window.gantry.panels,
      drawn: panels.length,
      empty: panels.filter(isEmpty).map(title),
    };
  });
  wrong.push(...seen.faults);
  if (seen.drawn !== seen.expected) wrong.push(`${seen.drawn} of ${seen.expected} panels were drawn`);
  wrong.push(...seen.empty.map((title) => `the panel "${title}" is empty`));
  await page.screenshot({ path: `${folder}/${name}.png` });
  await page.close();
  return wrong;
}

let failed = false;
const menu = await (await fetch(`${base}/api/dashboards`)).json();
for (const { name } of menu) {
  const wrong = await look(name, `/d/gantry-${name}?from=now-5m&refresh=`, { width: 1600, height: 1000 });
  console.log(`${name}: ${wrong.length === 0 ? "well" : "\n  " + wrong.join("\n  ")}`);
  failed ||= wrong.length > 0;
}
await browser.close();
process.exit(failed ? 1 : 0);
