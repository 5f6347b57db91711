import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { AwsProofs } from '../../../src/identity/workload/aws.ts';
import { AUDIENCE, asking, refused, signed, source } from './support.ts';

function proofs(parts: Partial<AwsProofs>): AwsProofs {
  const refuse = (): Promise<never> => assert.fail('not asked');
  return { webIdentityToken: refuse, callerIdentity: refuse, ...parts };
}

test('the token that AWS itself signs comes first, and the signed request is not made beside it', async () => {
  const token = signed();
  const aws = proofs({ webIdentityToken: async () => new Secret(token) });
  const proof = await source('aws', { aws }).fetch(asking({}));
  assert.equal(proof.token.expose(), token);
  assert.equal(proof.type, 'urn:ietf:params:oauth:token-type:jwt');
});

test('where the account gives out no such tokens, the signed request covers the call', async () => {
  const aws = proofs({
    webIdentityToken: async () => null,
    callerIdentity: async ({ audience, binding, env }) =>
      new Secret([audience, binding.nonce, binding.keyThumbprint, env['AWS_REGION']].join()),
  });
  const proof = await source('aws', { aws }).fetch(asking({ AWS_REGION: 'eu-west-1' }));
  assert.equal(proof.token.expose(), `${AUDIENCE},nonce,thumbprint,eu-west-1`);
  assert.equal(proof.type, 'urn:jit:token-type:aws-caller-identity');
  assert.equal(proof.renewal, 'on demand');
});

test('a fault is passed on, an AWS that is silent ends at the limit, and its signal is aborted', async () => {
  const fault = new JitError({ code: 'ERR_NOT_SIGNED_IN', message: 'no credentials' });
  const failing = proofs({ webIdentityToken: () => Promise.reject(fault) });
  await refused(source('aws', { aws: failing }).fetch(asking({})), 'ERR_NOT_SIGNED_IN', /no credentials/);
  let aborted = false;
  const silent = proofs({
    webIdentityToken: ({ signal }) =>
      new Promise((resolve) => {
        signal?.addEventListener('abort', () => (aborted = true));
        // Keeps the process alive, as a connection would.
        const timer = setTimeout(() => resolve(null), 10_000);
        signal?.addEventListener('abort', () => clearTimeout(timer));
      }),
  });
  await refused(
    source('aws', { aws: silent, limitMs: 100 }).fetch(asking({})),
    'ERR_IDENTITY_PROVIDER',
    /AWS: there is no answer/,
  );
  assert.equal(aborted, true);
});
