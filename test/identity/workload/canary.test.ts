import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '../../support/home.ts';
import { run } from '../../support/run.ts';
import { skipUnless } from '../../support/tools.ts';
import { cloudFront } from './cloud-front.ts';
import { AUDIENCE, serve, signed } from './support.ts';
import { serveWorkloadApi } from './workload-api-server.ts';

/** Everything by which the libraries can be made to talk. */
const TALKATIVE = {
  AZURE_LOG_LEVEL: 'verbose',
  DEBUG: '*',
  GOOGLE_SDK_NODE_LOGGING: '*',
};

/** Runs a source in a process that logs all that it can. Asserts that it worked, and that the log has no secret in it. */
async function quiet(
  name: string,
  token: string,
  env: Readonly<Record<string, string>>,
  secrets: readonly string[] = [],
): Promise<void> {
  const script = join(import.meta.dirname, 'fetch-proof.ts');
  const ended = await run(process.execPath, [script, name, AUDIENCE, '15000'], { env: { ...TALKATIVE, ...env } });
  assert.ok(ended.stdout.includes(token), ended.stdout);
  for (const secret of [token, ...secrets]) assert.ok(!ended.stderr.includes(secret), ended.stderr);
}

test('SPIFFE: with HTTP/2 traced in full, the log of a real process has no token in it', async (t) => {
  const svid = signed({ aud: [AUDIENCE] });
  const api = await serveWorkloadApi(t, () => ({ svids: [{ spiffe_id: 'spiffe://example.org/ci', svid }] }));
  await quiet('spiffe', svid, { SPIFFE_ENDPOINT_SOCKET: api.socket, NODE_DEBUG: 'http2,net,stream' });
});

test('Azure: with the SDK at its most talkative, the log has neither the token nor the header', async (t) => {
  const token = signed();
  const address = await serve(t, (_request, response) => {
    response.end(JSON.stringify({ access_token: token, expires_on: String(Math.floor(Date.now() / 1_000) + 3_600) }));
  });
  const header = 'canary-of-the-identity-header';
  await quiet('azure', token, { IDENTITY_ENDPOINT: `${address}/msi/token`, IDENTITY_HEADER: header }, [header]);
});

test(
  'Google: with the SDK at its most talkative, the log has neither the token nor the key',
  { skip: skipUnless('openssl') },
  async (t) => {
    const token = signed();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const path = join(tempFolder(t), 'key.json');
    writeFileSync(
      path,
      JSON.stringify({ type: 'service_account', client_email: 'deploy@project.example', private_key: key }),
    );
    const cloud = await cloudFront(t, 'oauth2.googleapis.com', (_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ id_token: token }));
    });
    await quiet('google', token, { ...cloud.env, GOOGLE_APPLICATION_CREDENTIALS: path }, key.split('\n').slice(1, -2));
    const metadata = await serve(
      t,
      (_request, response) => void response.setHeader('metadata-flavor', 'Google').end(token),
    );
    await quiet('google', token, { GCE_METADATA_HOST: metadata });
  },
);
