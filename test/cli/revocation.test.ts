/**
 * Ending what others hold, from the command line, by the worked example of policies: jit in several homes, jit-broker and
 * oidc-provider are real; the cloud is the sandbox.
 * @module
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startOffice } from '../support/office.ts';
import type { Ended } from '../support/run.ts';
import { loggedIn, succeeded, type User, user } from './shared.ts';

const EXAMPLE = new URL('../../src/policy/example/', import.meta.url);
const policy = readdirSync(EXAMPLE)
  .filter((name) => name.endsWith('.cedar'))
  .map((name) => readFileSync(new URL(name, EXAMPLE), 'utf8'))
  .join('\n');
/** Bob is on call, Cleo leads, Ivy is security. */
const accounts = {
  bob: { name: 'bob', groups: ['engineers', 'on-call'] },
  cleo: { name: 'cleo', groups: ['engineers', 'leads'] },
  ivy: { name: 'ivy', groups: ['security'] },
};
const READ = [
  'request',
  's3:GetObject',
  'arn:aws:s3:::sandbox-reports/*',
  '--for',
  '5m',
  '--reason',
  'a look',
  '--json',
];

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
  const { idp, broker } = await startOffice(t, { policy, accounts });
  const at = { idp, url: broker.url, trust: {} };
  const home = async (name: string): Promise<User> => {
    const who = user(t, at);
    await loggedIn(at, who, name);
    return who;
  };
  const [bob, cleo, ivy] = await Promise.all(['bob', 'cleo', 'ivy'].map(home));
  assert.ok(bob && cleo && ivy);
  const grant = async (): Promise<string> => String(JSON.parse(succeeded(await bob.jit(...READ)).stdout).grant.id);
  const [first, second, third] = [await grant(), await grant(), await grant()];

  const [theirs, unknown] = [await cleo.jit('revoke', first), await cleo.jit('revoke', `gr_${'0'.repeat(26)}`)];
  refused(theirs, 9, /there is no grant gr_\w+ of yours/);
  const plain = ({ stderr }: Ended): string => stderr.replaceAll(/gr_\w+/g, 'ID');
  assert.equal(plain(theirs), plain(unknown));
  refused(await cleo.jit('revoke', '--user', 'bob'), 9, /^jit: work: there is no live grant of bob that you may end$/m);
  refused(await cleo.jit('show', first), 9, /there is no/);

  assert.match(succeeded(await ivy.jit('show', first)).stdout, /^by +bob \(user bob of /m);
  assert.match(succeeded(await ivy.jit('revoke', first)).stdout, new RegExp(`^${first} +gone at `, 'm'));
  assert.match(succeeded(await bob.jit('show', first)).stdout, /grant\.end .*reason=revoked/);
  const all: Revocation = JSON.parse(succeeded(await ivy.jit('revoke', '--user', 'bob', '--json')).stdout);
  assert.equal(all.schema, 'jit.revocation/v1');
  assert.deepEqual(all.items.map(({ grant: { id } }) => id).toSorted(), [second, third].toSorted());
  assert.deepEqual([all.kept, all.exit], [[], 0]);
  refused(await ivy.jit('revoke', '--user', 'bob'), 9, /no live grant of bob/);
  refused(await ivy.jit('revoke', '--user', 'bob', '--issuer', 'https://id.other.test'), 9, /no live grant of bob/);
  const ends = broker.entries('grant.end').map(({ actor, data }) => [actor['subject'], data['reason']]);
  assert.deepEqual(
    ends,
    Array.from({ length: 3 }, () => ['ivy', 'revoked']),
  );
  const own = await grant();
  const mine: Revocation = JSON.parse(succeeded(await bob.jit('revoke', '--user', 'bob', '--json')).stdout);
  assert.equal(mine.items[0]?.grant.id, own);
});
