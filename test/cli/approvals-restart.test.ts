/**
 * Waiting at a shared broker that is killed and started again: real programs, real identity provider; the cloud is the sandbox.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAcme } from '../support/acme.ts';
import { eventually } from '../support/eventually.ts';
import { skipUnless } from '../support/tools.ts';
import { approveByHand } from './by-hand.ts';
import { loggedIn, succeeded, user } from './shared.ts';

const ON = ['s3:DeleteObject', 'arn:aws:s3:::sandbox-reports/*', '--target', 'prod-web'];
const DELETE = ['request', ...ON, '--for', '5m', '--reason', 'x'];

test(
  'a command that waits outlives its broker: it goes on where it was, or says what the cloud came to',
  { skip: skipUnless('tmux') },
  async (t) => {
    const { idp, broker, cloud } = await startAcme(t);
    const at = { idp, url: broker.url, trust: {} };
    const [alice, bob] = [user(t, at), user(t, at)];
    await Promise.all([loggedIn(at, alice, 'alice'), loggedIn(at, bob, 'bob')]);
    const asked = async (): Promise<string> => {
      const { items } = JSON.parse(succeeded(await bob.jit('inbox', '--json')).stdout);
      return String(items[0].request.id);
    };

    const first = alice.jit(...DELETE, '--json');
    const one = await eventually(asked, { deadlineMs: 30_000 });
    await broker.stop('SIGKILL');
    await broker.start();
    await approveByHand(t, bob, one);
    const { request, grant } = JSON.parse(succeeded(await first).stdout);
    assert.deepEqual([request.id, grant.state], [one, 'active']);

    const second = alice.jit(...DELETE);
    const two = await eventually(asked, { deadlineMs: 30_000 });
    cloud.close();
    await approveByHand(t, bob, two);
    await eventually(() => cloud.waiting() > 0, { deadlineMs: 30_000 });
    await broker.stop('SIGKILL');
    cloud.open();
    await broker.start();
    const ended = await second;
    assert.equal(ended.status, 10, ended.stderr);
    assert.match(ended.stderr, /^jit: work: (?:the cloud issued nothing|it could not be granted)/m);
    assert.equal(new Set(cloud.sessions).size, cloud.sessions.length, 'nothing was asked for twice');
    const delivered = broker.entries('credential.delivered').map((entry) => entry.grant);
    assert.deepEqual(delivered, [grant.id]);
  },
);
