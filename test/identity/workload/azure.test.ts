import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../../support/home.ts';
import { skipUnless } from '../../support/tools.ts';
import { cloudFront } from './cloud-front.ts';
import { AUDIENCE, asking, fetchApart, refused, serve, signed, source, urlOf } from './support.ts';

const SOON = (): number => Math.floor(Date.now() / 1_000) + 3_600;
const SECRET = 'identity-header-0123456789abcdef0123456789abcdef0123456789';
const APP = 'e3a1b2c4-0000-4000-8000-000000000001';

test('App Service: the real SDK asks the endpoint with its header, for the audience of the broker', async (t) => {
  const token = signed();
  const asked: unknown[] = [];
  const address = await serve(t, (request, response) => {
    const { pathname, searchParams } = urlOf(request);
    asked.push([pathname, Object.fromEntries(searchParams)]);
    if (request.headers['x-identity-header'] !== SECRET) {
      response.writeHead(401).end();
      return;
    }
    const body = { access_token: token, expires_on: String(SOON()), resource: AUDIENCE, token_type: 'Bearer' };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  });
  const env = { IDENTITY_ENDPOINT: `${address}/msi/token`, IDENTITY_HEADER: SECRET };
  const { answer } = await fetchApart('azure', env);
  assert.deepEqual(answer, { token, type: 'urn:ietf:params:oauth:token-type:jwt', renewal: 'fixed', fits: true });
  assert.deepEqual(asked, [['/msi/token', { 'api-version': '2019-08-01', resource: AUDIENCE }]]);

  // Another identity of several, and another application than the address of the broker.
  await fetchApart('azure', { ...env, AZURE_CLIENT_ID: APP, JIT_AZURE_RESOURCE: 'api://jit' });
  assert.deepEqual(asked[1], ['/msi/token', { 'api-version': '2019-08-01', resource: 'api://jit', client_id: APP }]);
});

test('a machine: the metadata service, which demands its header, and repeats what it has', async (t) => {
  const token = signed();
  let calls = 0;
  const address = await serve(t, (request, response) => {
    const { pathname, searchParams } = urlOf(request);
    calls += 1;
    const right = request.headers['metadata'] === 'true' && /^\/metadata\/identity\/oauth2\/token\/?$/.test(pathname);
    if (!right || searchParams.get('resource') !== AUDIENCE) {
      response
        .writeHead(400)
        .end('{"error":"invalid_request","error_description":"Required metadata header not specified"}');
      return;
    }
    if (calls === 1) {
      // As it does while an identity is being attached: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling
      response.writeHead(404).end();
      return;
    }
    response.end(
      JSON.stringify({ access_token: token, expires_in: '3599', expires_on: String(SOON()), token_type: 'Bearer' }),
    );
  });
  const { answer } = await fetchApart('azure', { AZURE_POD_IDENTITY_AUTHORITY_HOST: address });
  assert.equal(answer['token'], token);
  assert.equal(calls, 2);
});

test('a proxy of the user is not asked for a metadata address', async (t) => {
  const token = signed();
  const address = await serve(t, (_request, response) => {
    response.end(JSON.stringify({ access_token: token, expires_on: String(SOON()) }));
  });
  const env = {
    AZURE_POD_IDENTITY_AUTHORITY_HOST: address,
    HTTP_PROXY: 'http://127.0.0.1:1',
    HTTPS_PROXY: 'http://127.0.0.1:1',
  };
  assert.equal((await fetchApart('azure', env)).answer['token'], token);
});

test('no identity is assigned: the words of Azure, and what to check', async (t) => {
  const address = await serve(t, (_request, response) => {
    response.writeHead(400).end('{"error":"invalid_request","error_description":"Identity not found"}');
  });
  const { answer } = await fetchApart('azure', { AZURE_POD_IDENTITY_AUTHORITY_HOST: address });
  assert.equal(answer['code'], 'ERR_NOT_SIGNED_IN');
  assert.match(String(answer['message']), /Azure gives no token for https:\/\/jit\.example\.com: .*Identity not found/);
  assert.match(String(answer['hint']), /an identity is assigned here, and that JIT_AZURE_RESOURCE/);
});

test('a service that stumbles, puts off, is silent or talks without end', async (t) => {
  const cases: readonly [what: string, words: RegExp, limitMs: number][] = [
    ['/500', /status 500/, 15_000],
    ['/mute', /there is no answer within 0\.5s/, 500],
    ['/410', /there is no answer within 1s/, 1_000],
    ['/long', /longer than 65536 bytes/, 15_000],
  ];
  const address = await serve(t, (request, response) => {
    const { pathname } = urlOf(request);
    if (pathname.startsWith('/500')) response.writeHead(500).end();
    if (pathname.startsWith('/410')) response.writeHead(410).end();
    if (pathname.startsWith('/long')) response.end('x'.repeat(70_000));
  });
  await Promise.all(
    cases.map(async ([path, words, limitMs]) => {
      const env = { IDENTITY_ENDPOINT: `${address}${path}`, IDENTITY_HEADER: SECRET };
      const { answer, ended } = await fetchApart('azure', env, { limitMs });
      // That the process has ended says that no timer of the SDK is left.
      assert.equal(answer['code'], 'ERR_IDENTITY_PROVIDER', ended.stdout);
      assert.match(String(answer['message']), words);
      assert.ok(!ended.stdout.includes(SECRET));
    }),
  );
});

test('Arc: an endpoint that sends the SDK to read a file of its own choice gets nothing', async (t) => {
  const secret = join(tempFolder(t), 'secret.key');
  writeFileSync(secret, 'content-of-a-foreign-file');
  const authorizations: (string | undefined)[] = [];
  const address = await serve(t, (request, response) => {
    authorizations.push(request.headers.authorization);
    response.writeHead(401, { 'www-authenticate': `Basic realm=${secret}` }).end();
  });
  const env = { IDENTITY_ENDPOINT: `${address}/metadata/identity/oauth2/token`, IMDS_ENDPOINT: address };
  const { answer } = await fetchApart('azure', env);
  assert.equal(answer['code'], 'ERR_NOT_SIGNED_IN');
  assert.deepEqual(authorizations, [undefined]);
});

test('endpoints on other machines without TLS are refused before anything is sent', async () => {
  const names = ['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'IMDS_ENDPOINT', 'AZURE_POD_IDENTITY_AUTHORITY_HOST'];
  for (const name of names) {
    const env = { [name]: 'http://10.0.0.4:8080/token', IDENTITY_HEADER: SECRET };
    await refused(source('azure').fetch(asking(env)), 'ERR_NOT_SIGNED_IN', new RegExp(`^${name} .*is refused`), [
      SECRET,
    ]);
    await refused(source('azure').fetch(asking({ [name]: 'nowhere' })), 'ERR_NOT_SIGNED_IN', /is not a URL/);
  }
});

test("tokens for Microsoft's own services are never asked for: the broker could use them", async () => {
  const others = [
    'https://management.azure.com',
    'https://graph.microsoft.com/',
    'https://vault.azure.net',
    'https://a.blob.core.windows.net',
  ];
  for (const JIT_AZURE_RESOURCE of others) {
    await refused(
      source('azure').fetch(asking({ JIT_AZURE_RESOURCE })),
      'ERR_NOT_SIGNED_IN',
      /would let the broker act there/,
    );
  }
});

test(
  'a pod: the real SDK exchanges the federated token with Entra, through the proxy of the user',
  { skip: skipUnless('openssl') },
  async (t) => {
    const [token, federated] = [signed({ aud: APP }), signed({ aud: 'api://AzureADTokenExchange' })];
    const tenant = 'aaaaaaaa-0000-4000-8000-000000000001';
    const path = join(tempFolder(t), 'azure-identity-token');
    writeFileSync(path, federated);
    const forms: Record<string, string>[] = [];
    const entra = await cloudFront(t, 'login.microsoftonline.com', (request, response) => {
      const { pathname } = urlOf(request);
      const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
      response.setHeader('content-type', 'application/json');
      if (pathname.endsWith('/.well-known/openid-configuration')) {
        const endpoint = `https://login.microsoftonline.com/${tenant}/oauth2/v2.0`;
        response.end(
          JSON.stringify({
            issuer,
            token_endpoint: `${endpoint}/token`,
            authorization_endpoint: `${endpoint}/authorize`,
            jwks_uri: `${endpoint}/keys`,
          }),
        );
        return;
      }
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        forms.push({ path: pathname, ...Object.fromEntries(new URLSearchParams(body)) });
        response.end(
          JSON.stringify({ token_type: 'Bearer', expires_in: 3_599, ext_expires_in: 3_599, access_token: token }),
        );
      });
    });
    const pod = {
      AZURE_CLIENT_ID: APP,
      AZURE_TENANT_ID: tenant,
      AZURE_FEDERATED_TOKEN_FILE: path,
      JIT_AZURE_RESOURCE: 'api://jit',
    };
    const { answer, ended } = await fetchApart('azure', { ...entra.env, ...pod });
    assert.equal(answer['token'], token, ended.stdout);
    assert.equal(answer['fits'], true);
    const [form] = forms;
    assert.equal(form?.['path'], `/${tenant}/oauth2/v2.0/token`);
    assert.equal(form['client_assertion'], federated);
    assert.match(form['scope'] ?? '', /^api:\/\/jit\/\.default/);
    assert.deepEqual([...new Set(entra.asked)], ['login.microsoftonline.com:443']);
  },
);
