/**
 * Ending what others hold, from the command line, by the worked example of policies: jit in several homes, jit-broker and
 * oidc-provider are real; the cloud is the sandbox.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAcme } from '../support/acme.ts';
import type { Ended } from '../support/run.ts';
import { loggedIn, succeeded, type User, user } from './shared.ts';

const LOOK = ['request', 's3:GetObject', 'arn:aws:s3:::sandbox-reports/*', '--target', 'prod-web'];
const READ = [...LOOK, '--for', '5m', '--reason', 'a look', '--json'];

interface Revocation {
  readonly schema: string;
  readonly items: readonly { readonly grant: { readonly id: string } }[];
  readonly kept: readonly string[];
  readonly exit: number;
}

function refused(ended: Ended, status: number, pattern: RegExp): void {
  assert.equal(ended.status, status, `${ended.stdout}\n${ended.stderr}`);
  assert.match(ended.stderr, pattern);
}

test('security ends what somebody else holds, one grant or all; a lead is told that there is nothing', async (t) => {
  const { idp, broker } = await startAcme(t);
  const at = { idp, url: broker.url, trust: {} };
  const home = async (name: string): Promise<User> => {
    const who = user(t, at);
    await loggedIn(at, who, name);
    return who;
  };
  const [alice, bob, ivy] = await Promise.all(['alice', 'bob', 'ivy'].map(home));
  assert.ok(alice && bob && ivy);
  const grant = async (): Promise<string> => String(JSON.parse(succeeded(await alice.jit(...READ)).stdout).grant.id);
  const [first, second, third] = [await grant(), await grant(), await grant()];

  const [theirs, unknown] = [await bob.jit('revoke', first), await bob.jit('revoke', `gr_${'0'.repeat(26)}`)];
  refused(theirs, 9, /there is no grant gr_\w+ of yours/);
  const plain = ({ stderr }: Ended): string => stderr.replaceAll(/gr_\w+/g, 'ID');
  assert.equal(plain(theirs), plain(unknown));
  refused(
    await bob.jit('revoke', '--user', 'alice'),
    9,
    /^jit: work: there is no live grant of alice that you may end$/m,
  );
  refused(await bob.jit('show', first), 9, /there is no/);

  assert.match(succeeded(await ivy.jit('show', first)).stdout, /^by +alice\.liddell \(user alice of /m);
  assert.match(succeeded(await ivy.jit('revoke', first)).stdout, new RegExp(`^${first} +gone at `, 'm'));
  assert.match(succeeded(await alice.jit('show', first)).stdout, /grant\.end .*reason=revoked/);
  const all: Revocation = JSON.parse(succeeded(await ivy.jit('revoke', '--user', 'alice', '--json')).stdout);
  assert.equal(all.schema, 'jit.revocation/v1');
  assert.deepEqual(all.items.map(({ grant: { id } }) => id).toSorted(), [second, third].toSorted());
  assert.deepEqual([all.kept, all.exit], [[], 0]);
  refused(await ivy.jit('revoke', '--user', 'alice'), 9, /no live grant of alice/);
  refused(await ivy.jit('revoke', '--user', 'alice', '--issuer', 'https://id.other.test'), 9, /no live grant of alice/);
  const ends = broker.entries('grant.end').map(({ actor, data }) => [actor['subject'], data['reason']]);
  assert.deepEqual(
    ends,
    Array.from({ length: 3 }, () => ['ivy', 'revoked']),
  );
  const own = await grant();
  const mine: Revocation = JSON.parse(succeeded(await alice.jit('revoke', '--user', 'alice', '--json')).stdout);
  assert.equal(mine.items[0]?.grant.id, own);
});
