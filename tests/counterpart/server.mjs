// An OpenID provider for the tests: the package oidc-provider on a free port of loopback, without pages of its own.
//
//   OIDC_PROVIDER_HOME=<folder with node_modules> node server.mjs
//
// It prints {"issuer": …} when it listens, and ends when its standard input is closed. The tests talk to it below /-/:
// they register clients, change its keys, and ask what it saw.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const library = join(process.env.OIDC_PROVIDER_HOME, 'node_modules', 'oidc-provider', 'lib');
const load = (file) => import(pathToFileURL(join(library, file)));
const { Provider } = await load('index.js');
const { default: MemoryAdapter } = await load('adapters/memory_adapter.js');

const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519', 'HS256'];
const configuration = {
  // All providers of this process share what the adapter keeps.
  adapter: (model) => new MemoryAdapter(model),
  claims: { email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none'],
  cookies: { keys: [randomUUID()] },
  enabledJWA: {
    clientAuthSigningAlgValues: algorithms,
    idTokenSigningAlgValues: algorithms,
    userinfoSigningAlgValues: algorithms,
  },
  features: {
    devInteractions: { enabled: false },
    jwtUserinfo: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of the counterpart`,
      preferred_username: id,
      email: `${id}@example.com`,
      email_verified: true,
    }),
  }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
};

const clients = new Map();
const seen = [];
let issuer;
let keys;
let provider;
let answer;

function newKeys() {
  const pairs = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ed25519'),
  ];
  return pairs.map(({ privateKey }) => ({ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig' }));
}

// The library has neither a way to add a client nor one to change keys: its makers say to start it again.
function restart() {
  provider = new Provider(issuer, { ...configuration, clients: [...clients.values()], jwks: { keys } });
  provider.use(note);
  provider.on('server_error', (ctx, error) => console.error(error));
  answer = provider.callback();
}

async function note(ctx, next) {
  await next();
  seen.push({
    route: ctx.oidc?.route,
    status: ctx.status,
    type: ctx.type,
    authorization: ctx.get('authorization'),
    params: { ...ctx.query, ...ctx.oidc?.body },
    error: ctx.body?.error,
    error_description: ctx.body?.error_description,
  });
}

// The person decides at once: "person" is the account, "" declines, "ago" is how long they are logged in already.
async function interact(request, response, query) {
  const { prompt, params } = await provider.interactionDetails(request, response);
  const accountId = query.get('person');
  seen.push({ route: 'interaction', prompt: prompt.name, reasons: prompt.reasons });
  if (!accountId) {
    const declined = { error: 'access_denied', error_description: 'The person declined.' };
    return provider.interactionFinished(request, response, declined, { mergeWithLastSubmission: false });
  }
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const ts = Math.floor(Date.now() / 1000) - Number(query.get('ago'));
  const result = { login: { accountId, ts }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}

const controls = {
  '/-/register': (client) => {
    clients.set(client.client_id, client);
    restart();
  },
  '/-/rotate': () => {
    keys = newKeys();
    restart();
  },
  '/-/seen': () => seen.splice(0),
};

async function control(request, response, path) {
  const chunks = await request.toArray();
  const result = controls[path](JSON.parse(Buffer.concat(chunks).toString()));
  response.setHeader('Content-Type', 'application/json').end(JSON.stringify(result ?? null));
}

async function handle(request, response) {
  const { pathname, searchParams } = new URL(request.url, issuer);
  try {
    if (pathname in controls) await control(request, response, pathname);
    else if (pathname.startsWith('/interaction/')) await interact(request, response, searchParams);
    else await answer(request, response);
  } catch (error) {
    console.error(error);
    response.writeHead(500, { 'Content-Type': 'text/plain' }).end(String(error.error_description ?? error));
  }
}

const server = createServer(handle).listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  keys = newKeys();
  restart();
  console.log(JSON.stringify({ issuer }));
});

process.stdin.resume().on('close', () => process.exit());
