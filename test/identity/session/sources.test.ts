/**
 * What of a job's environment goes along with its session, for processes that have another one, such as the keeper.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { namedWorkload, type SourcesParts, workloadsHere } from '../../../src/identity/session/sources.ts';
import type { WorkloadPort } from '../../../src/identity/session/workload.ts';
import { AUDIENCE, serve } from '../workload/support.ts';

const partsOf = (env: SourcesParts['env']): SourcesParts => ({
  env,
  platform: process.platform,
  now: Date.now,
  random: (bytes) => randomBytes(bytes),
});
const ASK = { audience: AUDIENCE, issuers: [], binding: { keyThumbprint: 'thumbprint', nonce: 'nonce', body: 'body' } };

/** The source of a job that has signed in, in a process without a variable of its own. */
async function elsewhere(name: string, env: SourcesParts['env']): Promise<WorkloadPort> {
  const source = await namedWorkload(partsOf(env), name);
  assert.ok(source !== null);
  return workloadsHere(partsOf({})).restore({ by: 'workload', source: name, env: source.env });
}

test("a job that vouches with a service account's key does so in the keeper, rather than as the machine", async (t) => {
  let asked = 0;
  const metadata = await serve(t, (_request, response) => {
    asked += 1;
    response.writeHead(500).end();
  });
  const source = await elsewhere('google', {
    GOOGLE_APPLICATION_CREDENTIALS: '/nonexistent/key.json',
    GCE_METADATA_HOST: metadata,
  });
  await assert.rejects(source.fetch(ASK), {
    code: 'ERR_NOT_SIGNED_IN',
    message: 'the file in GOOGLE_APPLICATION_CREDENTIALS /nonexistent/key.json does not exist',
  });
  assert.equal(asked, 0);
});

test('what a source reads goes along with the session, and nothing else of the environment', async () => {
  const read = {
    ACTIONS_ID_TOKEN_REQUEST_URL: 'https://example.com',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'token',
    SPIFFE_ENDPOINT_SOCKET: 'unix:///run/agent.sock',
    JIT_SPIFFE_ID: 'spiffe://example.org/ci',
    JIT_TOKEN_FILE: '/run/token',
    AWS_REGION: 'eu-west-1',
    AZURE_CLIENT_ID: 'client',
    GOOGLE_APPLICATION_CREDENTIALS: '/run/key.json',
    GCE_METADATA_HOST: '127.0.0.1:1',
  };
  const source = await namedWorkload(
    partsOf({ ...read, AWS_SECRET_ACCESS_KEY: 'canary', X_AWS_REGION: 'no', AWS_REGION_X: 'no', HOME: '/home' }),
    'github',
  );
  assert.deepEqual(source?.env.expose(), read);
});
