/**
 * Long secrets in short entries, as Windows needs it: over a map for every cut, and over keytar and a real keyring.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Secret } from '../../../src/core/secret.ts';
import { callKeytar, type KeytarOutcome, type KeytarTask } from '../../../src/identity/secrets/keytar.ts';
import { type Entries, readWhole, removeWhole, writeWhole } from '../../../src/identity/secrets/parts.ts';
import { desktop, keyring, skip } from './keyring.ts';

const LONGEST = 90;

/** A keychain that takes short entries only, and gives up after so many changes. */
function keychain(kept: Map<string, string>, changes = Number.POSITIVE_INFINITY): Entries {
  let left = changes;
  const spend = (): void => {
    if (left === 0) throw new RangeError('cut off');
    left -= 1;
  };
  return {
    get: async (account) => kept.get(account) ?? null,
    set: async (account, text) => {
      spend();
      assert.ok(Buffer.byteLength(text) <= LONGEST + 'jit.parts/v1'.length);
      kept.set(account, text);
    },
    delete: async (account) => {
      spend();
      kept.delete(account);
    },
  };
}

const secrets = fc.oneof(
  fc.string({ minLength: 1, maxLength: 700, unit: 'binary' }),
  fc.constant('jit.parts/v1:a:3:00'),
  fc.constant(`jit.parts/v1:a:1:${'0'.repeat(64)}`),
);

test('every secret comes back as it was, over any other, and leaves nothing when it is deleted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(secrets, { minLength: 1, maxLength: 4 }), async (texts) => {
      const kept = new Map<string, string>();
      for (const text of texts) {
        await writeWhole(keychain(kept), 'a', text, LONGEST);
        assert.equal(await readWhole(keychain(kept), 'a'), text);
      }
      await removeWhole(keychain(kept), 'a');
      assert.deepEqual([...kept], []);
    }),
    { numRuns: 60 },
  );
});

test('a change cut off anywhere leaves the old secret or the new one, and the next change clears up', async () => {
  const [old, fresh] = ['old '.repeat(100), 'new '.repeat(200)];
  for (let changes = 0; changes < 30; changes += 1) {
    const kept = new Map<string, string>();
    await writeWhole(keychain(kept), 'a', old, LONGEST);
    const cut = await writeWhole(keychain(kept, changes), 'a', fresh, LONGEST).then(
      () => 'no',
      () => 'yes',
    );
    const found = await readWhole(keychain(kept), 'a');
    assert.ok(found === fresh || (cut === 'yes' && found === old), `after ${changes} changes`);
    await removeWhole(keychain(kept, changes), 'a').catch(() => undefined);
    await removeWhole(keychain(kept), 'a');
    assert.deepEqual([...kept], []);
  }
});

test('a secret of which a part is missing or another is not taken for one', async () => {
  const kept = new Map<string, string>();
  await writeWhole(keychain(kept), 'a', 'long '.repeat(100), LONGEST);
  const [part = ''] = kept.keys();
  const text = kept.get(part) ?? '';
  kept.delete(part);
  await assert.rejects(readWhole(keychain(kept), 'a'), /parts of a secret are missing/);
  kept.set(
    part,
    text.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')),
  );
  await assert.rejects(readWhole(keychain(kept), 'a'), RangeError);
  await writeWhole(keychain(kept), 'a', 'short', LONGEST);
  assert.equal(await readWhole(keychain(kept), 'a'), 'short');
});

test('keytar and a real keyring keep a long secret in parts', { skip }, async (t) => {
  const desk = await desktop(t);
  await keyring(t, desk, 'open sesame');
  const call = async (task: KeytarTask): Promise<string | null> => {
    const entry = { service: 'jit', account: 'a', longest: 100, env: desk.env };
    const outcome: KeytarOutcome = await callKeytar({ task, ...entry, limitMs: 10_000, late: 'kill' });
    assert.equal(outcome.kind, 'done');
    return outcome.kind === 'done' ? (outcome.value?.expose() ?? null) : null;
  };
  const long = 'é"\\'.repeat(200);
  assert.equal(await call({ op: 'set', secret: new Secret(long) }), long);
  assert.equal(await call({ op: 'get' }), long);
  assert.ok((await desk.store().get('a/jit.parts/v1/a/7')) !== null);
  assert.equal(await call({ op: 'set', secret: new Secret('short') }), 'short');
  assert.equal(await desk.store().get('a/jit.parts/v1/a/0'), null);
  assert.equal(await call({ op: 'delete' }), null);
});
