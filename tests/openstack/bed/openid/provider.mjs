// An OpenID provider for tests: npm's oidc-provider with a few clients and any number of users, who share one
// password. Its only argument is a file with its port and its secrets: port, password, secret, introspector.

import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

import Provider, { errors } from 'oidc-provider';

const { port, password, secret, introspector } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const grants = ['password', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'];
// None of them is ever redirected to.
const client = { grant_types: grants, redirect_uris: [], response_types: [] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { ...client, client_id: 'confidential', client_secret: secret },
    // As at sites whose openrc files hold OS_CLIENT_SECRET=none.
    { ...client, client_id: 'none', client_secret: 'none' },
    { ...client, client_id: 'public', token_endpoint_auth_method: 'none' },
    // The web server, which asks whose a token is.
    { ...client, client_id: 'keystone', client_secret: introspector, grant_types: [] },
  ],
  cookies: { keys: [introspector] },
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email'] },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, asking) => asking.clientId === 'keystone' },
    revocation: { enabled: true },
    userinfo: { enabled: true },
  },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => claims(id) }),
  // What the web server is told of a token.
  extraTokenClaims: (ctx, token) => claims(token.accountId ?? token.clientId),
  // Also to whom does not ask for offline_access, as Keycloak does.
  issueRefreshToken: (ctx, asking) => asking.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: 300, ClientCredentials: 300, DeviceCode: 600, Grant: 86400, RefreshToken: 86400, Session: 86400 },
});

function claims(name) {
  return { sub: name, preferred_username: name, email: `${name}@example.org` };
}

// The provider knows this grant no more, so that those who still want it bring it themselves.
provider.registerGrantType('password', async (ctx) => {
  const { params: asked, client: asking } = ctx.oidc;
  if (!asked.username || asked.password !== password) {
    throw new errors.InvalidGrant('wrong user name or password');
  }
  const scope = asked.scope || 'openid';
  const grant = new provider.Grant({ accountId: asked.username, clientId: asking.clientId });
  grant.addOIDCScope(scope);
  const whose = { accountId: asked.username, client: asking, grantId: await grant.save(), gty: 'password', scope };
  const access = new provider.AccessToken(whose);
  const refresh = new provider.RefreshToken(whose);
  ctx.body = {
    access_token: await access.save(),
    expires_in: access.expiration,
    refresh_token: await refresh.save(),
    scope,
    token_type: access.tokenType,
  };
}, ['username', 'password', 'scope']);

provider.use(async (ctx, next) => {
  if (ctx.method === 'POST' && ctx.path.startsWith('/interaction/')) {
    // The provider's own pages for tests take any password.
    ctx.req.body = Object.fromEntries(new URLSearchParams(await text(ctx.req)));
    ctx.assert(ctx.req.body.prompt !== 'login' || ctx.req.body.password === password, 401, 'wrong password');
  }
  await next();
  if (ctx.path === '/device/auth' && ctx.status === 200) {
    // Else clients wait 5 seconds between two questions.
    ctx.body = { ...ctx.body, interval: 1 };
  }
});

provider.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
