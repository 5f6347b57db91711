import { Compute } from 'google-auth-library';
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import { tempFolder } from '../../support/home.ts';
import { skipUnless } from '../../support/tools.ts';
import { cloudFront } from './cloud-front.ts';
import { AUDIENCE, asking, fetchApart, refused, serve, signed, source, urlOf } from './support.ts';

const IDENTITY = '/computeMetadata/v1/instance/service-accounts/default/identity';

/** https://cloud.google.com/compute/docs/metadata/querying-metadata: the header is demanded, and given back. */
function metadata(answer: (request: IncomingMessage) => string): RequestListener {
  return (request, response) => {
    response.setHeader('metadata-flavor', 'Google').setHeader('content-type', 'application/text');
    if (request.headers['metadata-flavor'] !== 'Google') {
      response.writeHead(403).end('Missing Metadata-Flavor:Google header.');
    } else if (urlOf(request).pathname === IDENTITY) {
      response.end(answer(request));
    } else {
      response.writeHead(404).end();
    }
  };
}

test('the metadata server is asked for a full token with the audience, as the real SDK asks it', async (t) => {
  const token = signed();
  const asked: unknown[] = [];
  const address = await serve(
    t,
    metadata((request) => {
      asked.push(Object.fromEntries(urlOf(request).searchParams));
      return token;
    }),
  );
  const host = address.replace('http://', '');
  for (const env of [
    { GCE_METADATA_HOST: host },
    { GCE_METADATA_HOST: address },
    { GCE_METADATA_IP: host, GCE_METADATA_HOST: 'other' },
  ]) {
    const proof = await source('google').fetch(asking(env));
    assert.equal(proof.token.expose(), token);
    assert.equal(proof.renewal, 'fixed');
  }
  process.env['GCE_METADATA_HOST'] = host;
  t.after(() => delete process.env['GCE_METADATA_HOST']);
  assert.equal(await new Compute().fetchIdToken(AUDIENCE), token);
  assert.deepEqual(
    asked,
    Array.from({ length: 4 }, () => ({ format: 'full', audience: AUDIENCE })),
  );
});

test('a proxy of the user is not asked: its metadata server would vouch for the proxy', async (t) => {
  const token = signed();
  const address = await serve(
    t,
    metadata(() => token),
  );
  const proxies = { HTTP_PROXY: 'http://127.0.0.1:1', HTTPS_PROXY: 'http://127.0.0.1:1' };
  const { answer } = await fetchApart('google', { GCE_METADATA_HOST: address, ...proxies });
  assert.deepEqual(answer, { token, type: 'urn:ietf:params:oauth:token-type:jwt', renewal: 'fixed', fits: true });
});

test('an audience with signs of its own reaches the metadata server whole', async (t) => {
  const audience = 'https://jit.example.com/a?b=c&audience=other#d';
  const address = await serve(
    t,
    metadata((request) => signed({ aud: urlOf(request).searchParams.get('audience') })),
  );
  await source('google').fetch(asking({ GCE_METADATA_HOST: address }, { audience }));
});

test('who does not say that it is Google is not believed, and what it says is not shown', async (t) => {
  const address = await serve(t, (_request, response) => void response.end(signed()));
  const asked = source('google').fetch(asking({ GCE_METADATA_HOST: address }));
  await refused(asked, 'ERR_IDENTITY_PROVIDER', /who answers there is not Google/);
});

test('no service account, a server that stumbles, one that is silent, and tokens that are wrong', async (t) => {
  let stumbles = 0;
  const statuses: Readonly<Record<string, RequestListener>> = {
    '404': (_request, response) => void response.writeHead(404).end('no service account <b>\u001b'),
    '503': (_request, response) => {
      stumbles += 1;
      if (stumbles < 3) response.writeHead(503).end();
      else response.end(signed());
    },
    '301': (_request, response) => void response.writeHead(301, { location: '/' }).end(),
    mute: () => undefined,
    aud: (_request, response) => void response.end(signed({ aud: 'other' })),
    none: (_request, response) => void response.end('not a token'),
  };
  const google = async (kind: string, limitMs = 15_000) => {
    const address = await serve(t, (request, response) => {
      response.setHeader('metadata-flavor', 'Google');
      statuses[kind]?.(request, response);
    });
    return await source('google', { limitMs }).fetch(asking({ GCE_METADATA_HOST: address }));
  };
  await refused(
    google('404'),
    'ERR_NOT_SIGNED_IN',
    /status 404: no service account <b>\\x1b\)\nattach a service account/,
  );
  await google('503');
  assert.equal(stumbles, 3);
  await refused(google('301'), 'ERR_IDENTITY_PROVIDER', /status 301/);
  await refused(google('mute', 200), 'ERR_IDENTITY_PROVIDER', /no answer within 0\.2s/);
  await refused(google('aud'), 'ERR_NOT_SIGNED_IN', /is for other/);
  await refused(google('none'), 'ERR_NOT_SIGNED_IN', /not a signed JSON Web Token/);
});

test('a metadata server on another machine is not one', async () => {
  for (const host of [
    '10.0.0.1',
    'metadata.example',
    'http://[2001:db8::1]',
    'metadata.google.internal.evil.example',
  ]) {
    await refused(source('google').fetch(asking({ GCE_METADATA_HOST: host })), 'ERR_NOT_SIGNED_IN', /is refused/);
  }
  await refused(
    source('google').fetch(asking({ GCE_METADATA_HOST: 'http://' })),
    'ERR_NOT_SIGNED_IN',
    /not the name of a host/,
  );
});

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const KEY = {
  type: 'service_account',
  client_email: 'deploy@project.iam.gserviceaccount.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  // Whatever a file says, keys are used at Google's own address.
  token_uri: 'https://evil.example/token',
};

test(
  "a service account's key: the real SDK asks Google, through the proxy of the user",
  { skip: skipUnless('openssl') },
  async (t) => {
    const token = signed();
    const path = join(tempFolder(t), 'key.json');
    writeFileSync(path, JSON.stringify(KEY));
    let refuses = false;
    const claims: unknown[] = [];
    const cloud = await cloudFront(t, 'oauth2.googleapis.com', (request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        const assertion = new URLSearchParams(body).get('assertion') ?? '';
        claims.push(JSON.parse(Buffer.from(assertion.split('.')[1] ?? '', 'base64url').toString()));
        response.setHeader('content-type', 'application/json');
        if (refuses)
          response
            .writeHead(400)
            .end(JSON.stringify({ error: 'invalid_grant', error_description: `Invalid JWT: ${assertion}` }));
        else response.end(JSON.stringify({ id_token: token }));
      });
    });
    const env = { ...cloud.env, GOOGLE_APPLICATION_CREDENTIALS: path };
    const { answer, ended } = await fetchApart('google', env);
    assert.equal(answer['token'], token, ended.stdout);
    assert.equal(answer['renewal'], 'on demand');
    assert.equal(answer['fits'], true);
    // Safe: compared member by member below.
    const [claim] = claims as Record<string, unknown>[];
    assert.equal(claim?.['target_audience'], AUDIENCE);
    assert.equal(claim['iss'], KEY.client_email);
    refuses = true;
    const refusal = (await fetchApart('google', env)).answer;
    assert.equal(refusal['code'], 'ERR_NOT_SIGNED_IN');
    assert.match(String(refusal['message']), /invalid_grant: Invalid JWT: \[secret\]$/);
    assert.deepEqual([...new Set(cloud.asked)], ['oauth2.googleapis.com:443']);
  },
);

test('files that are not the key of a service account are refused, and not shown', async (t) => {
  const folder = tempFolder(t);
  const contents = [
    '',
    '[]',
    'hunter2',
    '{"type":"authorized_user","refresh_token":"hunter2"}',
    '{"type":"external_account","credential_source":{"url":"http://10.0.0.1/hunter2"}}',
    '{"type":"service_account","private_key":"hunter2"}',
  ];
  for (const [at, content] of contents.entries()) {
    const path = join(folder, `${at}.json`);
    writeFileSync(path, content);
    const asked = source('google').fetch(asking({ GOOGLE_APPLICATION_CREDENTIALS: path }));
    await refused(asked, 'ERR_NOT_SIGNED_IN', /is not the key of a service account/, ['hunter2']);
  }
  const path = join(folder, 'bad.json');
  writeFileSync(path, JSON.stringify({ ...KEY, private_key: 'hunter2' }));
  const error = await source('google')
    .fetch(asking({ GOOGLE_APPLICATION_CREDENTIALS: path }))
    .catch((thrown: unknown) => thrown);
  assert.ok(error instanceof JitError && !error.message.includes('hunter2'));
});
