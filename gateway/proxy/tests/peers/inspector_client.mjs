// A session with the command line of npm `@modelcontextprotocol/inspector`, one process a step. See README.md.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [url, era, file] = process.argv.slice(2);
const inspector = join(
  process.env.GANTRY_CACHE,
  'npm/clients/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js',
);
const STEP_DEADLINE_MS = 30_000;

const lists = {
  tools: 'tools/list',
  resources: 'resources/list',
  resource_templates: 'resources/templates/list',
  prompts: 'prompts/list',
};

/** The words that ask for a step; none where the command line cannot ask for it. */
const words = ({ list, read, prompt, call, arguments: given = {} }) => {
  if (list) return ['--method', lists[list]];
  if (read) return ['--method', 'resources/read', '--uri', read];
  const pairs = Object.entries(given).map(([name, value]) => `${name}=${value}`);
  if (prompt) return ['--method', 'prompts/get', '--prompt-name', prompt, '--prompt-args', ...pairs];
  return ['--method', 'tools/call', '--tool-name', call, '--tool-args-json', JSON.stringify(given)];
};

// The Inspector keeps files of its own; they go with this session.
const home = mkdtempSync(join(tmpdir(), 'gantry-inspector-'));

const ask = (step) =>
  new Promise((resolve) => {
    const line = [inspector, '--cli', url, '--transport', 'http', '--protocol-era', era, '--format', 'json', '--quiet'];
    const options = { timeout: STEP_DEADLINE_MS, maxBuffer: 64 << 20, env: { ...process.env, HOME: home } };
    execFile(process.execPath, [...line, ...words(step)], options, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });

let surprises = 0;
for (const step of JSON.parse(readFileSync(file)).steps) {
  if (!step.brief) continue;
  const { code, stdout, stderr } = await ask(step);
  const result = stdout.trim() ? JSON.parse(stdout) : null;
  const outcome = code === 0 ? 'result' : (result?.isError ?? result?.result?.isError) ? 'tool_error' : 'error';
  surprises += outcome !== (step.expect ?? 'result');
  process.stdout.write(`${JSON.stringify({ step, outcome, code, result, stderr: stderr.trim() })}\n`);
}
rmSync(home, { recursive: true });
process.exitCode = surprises ? 1 : 0;
