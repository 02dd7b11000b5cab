// A real authorization server, npm `oidc-provider`, that tests can steer. See README.md.
import { createHmac, createPrivateKey, createPublicKey, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const installed = createRequire(`${process.env.GANTRY_CACHE}/npm/issuer/`);
const load = (name) => import(pathToFileURL(installed.resolve(name)).href);
console.info = console.warn = () => {}; // its notices are about development set-ups
const { default: Provider, errors } = await load('oidc-provider');
const jose = await load('jose');

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const lifetime = Number(process.env.TOKEN_SECONDS ?? 300);
const scopes = ['mcp:use', 'mcp:write', 'upstream'];
const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const now = () => Math.floor(Date.now() / 1000);

// Keys

let generation = 0;
const newKeys = async () => {
  generation += 1;
  const keys = algorithms.map(async (alg) => {
    const { privateKey } = await jose.generateKeyPair(alg, { extractable: true, modulusLength: 2048 });
    return { ...(await jose.exportJWK(privateKey)), alg, use: 'sig', kid: `${alg}-${generation}` };
  });
  return Promise.all(keys);
};
const foreign = await newKeys(); // good keys that nobody publishes
let current = await newKeys();
let published = [...current];
let keysAnswer = { status: 200 };
const publicPart = ({ d, p, q, dp, dq, qi, ...rest }) => rest;

// Storage

const stored = new Map();
const grants = new Map();
class Storage {
  constructor(name) {
    this.key = (id) => `${name}:${id}`;
  }
  async upsert(id, payload) {
    stored.set(this.key(id), payload);
    if (payload.grantId) grants.set(payload.grantId, [...(grants.get(payload.grantId) ?? []), this.key(id)]);
  }
  async find(id) {
    return stored.get(this.key(id));
  }
  async findByUid(uid) {
    return [...stored].find(([key, { uid: known }]) => key.startsWith(this.key('')) && known === uid)?.[1];
  }
  async findByUserCode() {}
  async consume(id) {
    stored.get(this.key(id)).consumed = now();
  }
  async destroy(id) {
    stored.delete(this.key(id));
  }
  async revokeByGrantId(id) {
    (grants.get(id) ?? []).forEach((key) => stored.delete(key));
  }
}

// The provider

const machine = (id, grant_types) => ({
  client_id: id,
  client_secret: `${id}-secret`,
  grant_types,
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: scopes.join(' '),
});
const groups = { alice: ['eng', 'admins'], 'agent-a': ['eng'], 'agent-b': ['sales'] };

const exchange = async (ctx) => {
  const { params, client } = ctx.oidc;
  const verified = await jose
    .jwtVerify(params.subject_token, jose.createLocalJWKSet({ keys: published.map(publicPart) }), { issuer })
    .catch(() => {
      throw new errors.InvalidGrant('subject_token');
    });
  const { sub } = verified.payload;
  if (groups[sub]?.includes('sales')) throw new errors.InvalidGrant('not for this subject');
  const key = current.find(({ alg }) => alg === 'RS256');
  const token = new jose.SignJWT({ scope: params.scope, client_id: client.clientId, act: { sub: client.clientId } })
    .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt' })
    .setIssuer(issuer)
    .setSubject(sub)
    .setAudience(params.resource ?? params.audience)
    .setIssuedAt()
    .setExpirationTime(`${lifetime}s`)
    .setJti(randomUUID());
  ctx.body = {
    access_token: await token.sign(await jose.importJWK(key, key.alg)),
    issued_token_type: ACCESS_TOKEN,
    token_type: 'Bearer',
    expires_in: lifetime,
  };
};

const build = () => {
  const provider = new Provider(issuer, {
    adapter: Storage,
    clients: [machine('agent-a', ['client_credentials']), machine('agent-b', ['client_credentials']), machine('gateway', ['client_credentials', EXCHANGE])],
    jwks: { keys: [...current, ...published.filter((key) => !current.includes(key))] },
    cookies: { keys: ['only-for-tests'] },
    scopes: ['openid', 'offline_access', ...scopes],
    pkce: { required: () => true },
    ttl: { AccessToken: () => lifetime, ClientCredentials: () => lifetime, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600 },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    extraTokenClaims: (_, { accountId, clientId }) => ({ groups: groups[accountId ?? clientId] ?? [] }),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, __, oneOf) => [oneOf].flat()[0],
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => {
          if (!resource.startsWith('http://127.0.0.1:')) throw new errors.InvalidTarget();
          return {
            scope: scopes.join(' '),
            audience: resource,
            accessTokenTTL: lifetime,
            accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          };
        },
      },
    },
  });
  provider.registerGrantType(EXCHANGE, exchange, ['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type']);
  return provider;
};
let provider = build();

/** Signs in alice and consents to everything, so that a client without a browser gets through. */
const interact = async (request, response) => {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  let result = { login: { accountId: 'alice' } };
  if (prompt.name !== 'login') {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
    if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(' '));
    if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
    for (const [resource, missing] of Object.entries(missingResourceScopes ?? {})) {
      grant.addResourceScope(resource, missing.join(' '));
    }
    result = { consent: { grantId: await grant.save() } };
  }
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
};

/** A token with any defect that one asks for. */
const mint = ({ alg = 'RS256', key = 'current', header = {}, claims = {}, without = [], raw, signature }) => {
  const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const kind = ['none', 'HS256'].includes(alg) ? 'RS256' : alg;
  const jwk = (key === 'foreign' ? foreign : current).find((one) => one.alg === kind);
  const named = current.find((one) => one.alg === kind);
  const head = { alg, kid: named.kid, typ: 'at+jwt', ...header };
  const body = { iss: issuer, sub: 'alice', iat: now(), exp: now() + 300, jti: randomUUID(), client_id: 'agent-a', scope: 'mcp:use', groups: ['eng'], ...claims };
  without.forEach((name) => (delete head[name], delete body[name]));
  const signed = `${encode(head)}.${encode(raw ?? body)}`;
  if (signature !== undefined) return `${signed}.${signature}`;
  if (alg === 'none') return `${signed}.`;
  if (alg === 'HS256') {
    // The classic confusion: the public key as a shared secret.
    const pem = createPublicKey({ key: publicPart(jwk), format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
  }
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
  const options = {
    RS256: privateKey,
    PS256: { key: privateKey, padding: 6, saltLength: 32 },
    ES256: { key: privateKey, dsaEncoding: 'ieee-p1363' },
    EdDSA: privateKey,
  }[alg];
  return `${signed}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(signed), options).toString('base64url')}`;
};

// HTTP

const asked = { jwks: 0, introspection: 0, token: 0 };
const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const read = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString() || '{}');
};

const steer = {
  '/_test/asked': () => asked,
  '/_test/keys': ({ status }) => (keysAnswer = { status }),
  '/_test/mint': (wanted) => ({ token: mint(wanted) }),
  '/_test/rotate': async ({ overlap }) => {
    const before = current;
    current = await newKeys();
    published = overlap ? [...current, ...before] : [...current];
    provider = build();
    return { generation };
  },
};

const answer = async (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  if (steer[pathname]) return json(response, 200, await steer[pathname](await read(request)));
  if (pathname.startsWith('/interaction/')) return interact(request, response);
  if (pathname === '/jwks') {
    asked.jwks += 1;
    return json(response, keysAnswer.status, { keys: published.map(publicPart) });
  }
  if (pathname === '/token/introspection') asked.introspection += 1;
  if (pathname === '/token') asked.token += 1;
  if (pathname === '/.well-known/oauth-authorization-server') request.url = '/.well-known/openid-configuration';
  if (pathname === '/reg') {
    // Clients register the scope of the first challenge; holding them to it would forbid a step-up.
    const { scope, ...wanted } = await read(request);
    request.body = wanted;
  }
  return provider.callback()(request, response);
};

createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (response.headersSent) response.end();
    else json(response, 500, { error: String(error?.message ?? error) });
  });
}).listen(port, '127.0.0.1', () => process.stdout.write(`listening on ${issuer}\n`));
