// A session with npm `@modelcontextprotocol/client`. See README.md.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [url, era, file] = process.argv.slice(2);
const require = createRequire(`${process.env.GANTRY_CACHE}/npm/clients/`);
const { Client, StreamableHTTPClientTransport } = require('@modelcontextprotocol/client');

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** A value of the type that a form asks for. */
const filled = ({ type, enum: choices, oneOf, items, format }) => {
  if (choices) return choices[0];
  if (oneOf) return oneOf[0].const;
  if (type === 'array') return [filled(items)];
  if (type === 'boolean') return true;
  if (type === 'integer' || type === 'number') return 42;
  return { email: 'a@example.com', uri: 'https://example.com/', date: '2026-07-28' }[format] ?? 'gantry';
};

const fill = ({ properties = {} }) =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, filled(schema)]));

const client = new Client(
  { name: 'gantry-peer', version: '1' },
  {
    capabilities: { elicitation: { form: {} }, sampling: {} },
    versionNegotiation: { mode: era === 'modern' ? { pin: '2026-07-28' } : era },
  },
);
client.setRequestHandler('elicitation/create', ({ params }) => ({
  action: 'accept',
  content: fill(params.requestedSchema),
}));
client.setRequestHandler('sampling/createMessage', () => ({
  role: 'assistant',
  model: 'none',
  content: { type: 'text', text: 'sampled' },
}));

let notices = [];
client.setNotificationHandler('notifications/message', ({ params }) => void notices.push(params));

const lists = {
  tools: () => client.listTools(),
  resources: () => client.listResources(),
  resource_templates: () => client.listResourceTemplates(),
  prompts: () => client.listPrompts(),
};

const run = (step) => {
  if (step.list) return lists[step.list]();
  if (step.read) return client.readResource({ uri: step.read });
  if (step.prompt) return client.getPrompt({ name: step.prompt, arguments: step.arguments });
  const options = step.progress ? { onprogress: (progress) => void notices.push(progress) } : {};
  return client.callTool({ name: step.call, arguments: step.arguments ?? {} }, options);
};

const key = process.env.GANTRY_API_KEY;
const requestInit = key ? { headers: { 'x-api-key': key } } : {};
const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit });
await client.connect(transport);
say({
  connected: client.getServerVersion(),
  revision: client.getNegotiatedProtocolVersion(),
  capabilities: client.getServerCapabilities(),
});

let surprises = 0;
const spoken = client.getProtocolEra();
for (const step of JSON.parse(readFileSync(file)).steps) {
  if (step.eras && !step.eras.includes(spoken)) continue;
  notices = [];
  let saw;
  try {
    const result = await run(step);
    saw = { outcome: result.isError ? 'tool_error' : 'result', result };
  } catch (error) {
    saw = { outcome: 'error', error: { code: error.code, message: error.message } };
  }
  surprises += saw.outcome !== (step.expect ?? 'result');
  say({ step, ...saw, notices });
}
if (transport.sessionId) await transport.terminateSession();
await client.close();
process.exitCode = surprises ? 1 : 0;
