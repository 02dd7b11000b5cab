// The whole OAuth flow with npm `@modelcontextprotocol/client` or `@modelcontextprotocol/sdk`. See README.md.
import { createRequire } from 'node:module';

const [url, which] = process.argv.slice(2);
const cache = process.env.GANTRY_CACHE;
const require = createRequire(`${cache}/npm/${which === 'sdk' ? 'issuer' : 'clients'}/`);
const load = () => {
  if (which !== 'sdk') return require('@modelcontextprotocol/client');
  const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
  const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');
  const { UnauthorizedError } = require('@modelcontextprotocol/sdk/client/auth.js');
  return { Client, StreamableHTTPClientTransport, UnauthorizedError };
};
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = load();

const back = 'http://127.0.0.1:9/callback';
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Follows redirects with cookies, as a browser would, until one leads back to the client. */
const browse = async (start) => {
  const cookies = new Map();
  for (let at = String(start), hops = 0; hops < 12; hops += 1) {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const response = await fetch(at, { redirect: 'manual', headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [name, value] = cookie.split(';')[0].split(/=(.*)/s);
      cookies.set(name, value);
    }
    const next = response.headers.get('location');
    if (!next) throw new Error(`no redirection at ${at}: ${response.status} ${await response.text()}`);
    at = new URL(next, at).href;
    if (at.startsWith(back)) return new URL(at).searchParams;
  }
  throw new Error('too many redirections');
};

const kept = {};
let came;
const steps = [];
const authProvider = {
  redirectUrl: back,
  clientMetadata: {
    client_name: 'gantry-peer',
    redirect_uris: [back],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
  },
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void ((kept.client = client), steps.push('registered')),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void ((kept.tokens = tokens), steps.push('token')),
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  codeVerifier: () => kept.verifier,
  redirectToAuthorization: async (to) => {
    steps.push({ asked: to.searchParams.get('scope'), for: to.searchParams.get('resource') });
    came = await browse(to);
  },
};

let client, transport;
const connect = async () => {
  transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
  client = new Client({ name: 'gantry-peer', version: '1' }, { capabilities: {} });
  await client.connect(transport);
};

/** Does something; where it needs a token, gets one and does it again. */
const signedIn = async (what) => {
  for (let tries = 0; ; tries += 1) {
    try {
      return await what();
    } catch (error) {
      if (tries === 2 || !came) throw error;
      const answer = came;
      came = undefined;
      await transport.finishAuth(which === 'sdk' ? answer.get('code') : answer);
      if (!client.transport || error instanceof UnauthorizedError) await connect();
    }
  }
};

await signedIn(connect);
say({ tools: (await client.listTools()).tools.map(({ name }) => name).includes('echo') });
const call = (name, given) => signedIn(() => client.callTool({ name, arguments: given }));
say({ echo: (await call('echo', { text: 'hello' })).content });
steps.push('step-up');
say({ slow: (await call('slow', { ms: 1 })).content });
say({ steps, scope: kept.tokens.scope });
await client.close();
process.exit(0); // streams of the transports before the last sign-in may still be open
