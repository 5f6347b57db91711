/**
 * Proofs of possession as made by the client, read by a verifier of others (jose) and by the broker's own.
 * @module
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { EmbeddedJWK, jwtVerify } from 'jose';
import { makeProof, makeProofKey, type ProofPlan, readProofKey } from '../../../src/identity/dpop/proof.ts';
import { Secret } from '../../../src/core/secret.ts';
import { makeProofChecker } from '../../../src/identity/dpop/check.ts';
import { makeNonces } from '../../../src/identity/dpop/nonces.ts';
import { makeReplays } from '../../../src/identity/dpop/replays.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');

async function plan(parts: Partial<ProofPlan> = {}): Promise<ProofPlan> {
  return {
    key: await makeProofKey(),
    method: 'POST',
    url: new URL('https://jit.example.com/team/v1/requests?plan=true#x'),
    nonce: 'n1',
    now: NOW,
    random: (bytes) => randomBytes(bytes),
    ...parts,
  };
}

test('a proof is what RFC 9449 section 4.2 says: signed by the key in it, about this one call, without its query', async () => {
  const accessToken = new Secret('jit_at_secret');
  const made = await plan({ accessToken });
  const proof = await makeProof(made);
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { currentDate: new Date(NOW) });
  assert.deepEqual(
    { ...protectedHeader },
    {
      typ: 'dpop+jwt',
      alg: 'ES256',
      jwk: { kty: 'EC', crv: 'P-256', x: made.key.publicJwk.x, y: made.key.publicJwk.y },
    },
  );
  const { jti, ...rest } = payload;
  assert.match(jti ?? '', /^[\w-]{22}$/);
  assert.deepEqual(rest, {
    htm: 'POST',
    htu: 'https://jit.example.com/team/v1/requests',
    iat: NOW / 1_000,
    nonce: 'n1',
    ath: createHash('sha256').update('jit_at_secret').digest('base64url'),
  });
  assert.doesNotMatch(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString(), /"d"/);
});

test('two proofs of the same call differ; without a nonce and a token their claims are left out', async () => {
  const made = await plan({ nonce: null });
  const [one, two] = [await makeProof(made), await makeProof(made)];
  const { payload } = await jwtVerify(one, EmbeddedJWK, { currentDate: new Date(NOW) });
  assert.deepEqual(Object.keys(payload).toSorted(), ['htm', 'htu', 'iat', 'jti']);
  assert.notEqual(one, two);
});

test('a stored key is the same key; its private part is not printed, and the one that signs cannot be read', async () => {
  const key = await makeProofKey();
  const again = await readProofKey(key.jwk);
  assert.equal(again.thumbprint, key.thumbprint);
  assert.doesNotMatch(JSON.stringify(key), new RegExp(key.jwk.expose().d));
  assert.equal(key.signing.extractable, false);
  const damaged = new Secret({ ...key.jwk.expose(), x: 'AAAA' });
  await assert.rejects(readProofKey(damaged), { code: 'ERR_KEYCHAIN' });
});

test("the broker's own check takes a proof once, for its call, its token and its key only", async () => {
  const now = (): number => NOW;
  const nonces = makeNonces(now, (bytes) => randomBytes(bytes));
  const checker = makeProofChecker({ now, nonces, replays: makeReplays(now, 600_000) });
  const accessToken = new Secret(`jit_at_${'a'.repeat(43)}`);
  const made = await plan({ nonce: nonces.current(), accessToken });
  const proof = await makeProof(made);
  const call = { method: 'POST', url: 'https://jit.example.com/team/v1/requests', accessToken: accessToken.expose() };
  const good = await checker.check({ ...call, proof });
  assert.ok(good.kind === 'good' && good.proof.keyThumbprint === made.key.thumbprint);
  const faults = [
    { ...call, proof },
    { ...call, proof: await makeProof(made), method: 'GET' },
    { ...call, proof: await makeProof(made), accessToken: null },
    { ...call, proof: await makeProof({ ...made, nonce: 'old' }) },
  ];
  const found: string[] = [];
  for (const each of faults) {
    const checked = await checker.check(each);
    found.push(checked.kind === 'bad' ? checked.fault : 'good');
  }
  assert.deepEqual(found, ['replayed', 'another call', 'another token', 'nonce']);
});
