/**
 * An entitlement of Privileged Access Manager: what is asked of Google, what is refused before anything is made, and how it ends.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { Issued, Mark, Order } from '../../../src/core/ports.ts';
import type { GcpTarget } from '../../../src/providers/gcp/provider.ts';
import { googleError } from '../../fakes/gcp/gcp.ts';
import { failure } from '../../support/failure.ts';
import {
  ANN,
  ENTITLEMENT,
  OPENER,
  OWNER,
  PAM_ROLES,
  PROJECT,
  brokerToken,
  canRead,
  markOf,
  never,
  none,
  openPlace,
  orderOf,
  pamConfig,
  permissionOf,
  projectResource,
  tokenOf,
} from './support.ts';
import type { Place } from './support.ts';

const WHOLE = permissionOf('storage.objects.get', projectResource());
const HOUR_MS = 3_600_000;

let place: Place;
beforeEach(async () => {
  const opened = await openPlace();
  const target = opened.provider.parseTarget('web', pamConfig({ endpoint: opened.gcp.url }));
  place = { ...opened, target };
});
afterEach(async () => await place.close());

const order = (parts: Partial<Order> = {}): Order => orderOf(place.clock, { permissions: [WHOLE], ...parts });
const issue = async (one: Order, target: GcpTarget = place.target): Promise<Issued> =>
  await place.provider.issue(target, one, never());
const reads = async ({ credential }: Issued): Promise<boolean> =>
  await canRead(place.gcp, tokenOf(place.gcp, credential), '2026/q1.csv');
const made = (): number => place.gcp.calls.filter((call) => call === `POST /v1/${ENTITLEMENT}/grants`).length;
const change = (changes: object): void => {
  const [before] = [place.gcp.pam.entitlements.get(ENTITLEMENT)];
  assert(before !== undefined);
  place.gcp.pam.entitlements.set(ENTITLEMENT, { ...before, ...changes });
};
const revoke = async (mark: Mark, provider = place.provider): ReturnType<typeof place.provider.revoke> =>
  await provider.revoke(mark, none, never());

test('the grant at google is asked for by the service account, says whose it is, and lasts as long as jit’s, in whole seconds up', async () => {
  const one = order({ endsAt: place.clock.at + HOUR_MS + 1 });
  const { notAfter, granted } = await issue(one);
  const [open] = place.gcp.pam.open();
  assert.deepEqual(
    [open?.requester, open?.seconds, open?.justification],
    [`serviceAccount:${OPENER}`, 3_601, `made and ended by jit; broker ${OWNER}; target web; grant ${one.grant}`],
  );
  assert.equal(notAfter, place.clock.at + 600_000);
  assert.deepEqual(JSON.parse(granted), {
    entitlement: ENTITLEMENT,
    requester: OPENER,
    resource: projectResource(),
    roleBindings: PAM_ROLES.map((role) => ({ role })),
  });
});

test('for a short grant google is asked for half an hour, and the token ends with the grant all the same', async () => {
  const one = order({ endsAt: place.clock.at + 90_000 });
  const issued = await issue(one);
  assert.equal(place.gcp.pam.open()[0]?.seconds, 1_800);
  assert.equal(issued.notAfter, one.endsAt);
  assert.equal(await reads(issued), true);
  place.clock.at = one.endsAt;
  assert.equal(await reads(issued), false);
  const mark = markOf(place, one, issued);
  const over = await revoke(mark);
  assert.deepEqual(over, {
    kind: 'gone',
    tidyAt: one.endsAt,
    proof: 'the last token of the service account has ended',
  });
  await failure(issue(order()), 'ERR_CLOUD');
  await place.provider.tidy(mark, none, never());
  assert.deepEqual(place.gcp.pam.open(), []);
  assert.equal(await reads(await issue(order())), true, 'the next grant cannot begin');
});

test('a second grant is refused before anything is made, and is told which one is in the way and until when', async () => {
  const one = order();
  await issue(one);
  const { message, hint } = await failure(issue(order()), 'ERR_CLOUD');
  assert.match(message, new RegExp(`in use by grant ${one.grant}: google opens it for one grant at a time`));
  assert.match(hint ?? '', /2026-11-22T12:30:00/);
  assert.equal(made(), 1);
});

test('another broker of the same entitlement is refused as well, and neither finds nor ends what is not its own', async () => {
  const one = order();
  const issued = await issue(one);
  const neighbour = place.fresh({ owner: 'fedcba9876543210' });
  const theirs = order();
  await failure(neighbour.issue(place.target, theirs, never()), 'ERR_CLOUD');
  assert.deepEqual(await neighbour.list(place.target, never()), []);
  const { handle, notAfter } = neighbour.intend(place.target, one);
  await revoke({ grant: one.grant, target: 'web', handle, endsAt: null, notAfter }, neighbour);
  assert.equal(await reads(issued), true);
});

test('where another one was faster, google’s no is final and nothing of it is left', async () => {
  for (const no of [googleError(409, 'ALREADY_EXISTS'), googleError(400, 'FAILED_PRECONDITION')]) {
    place.gcp.trouble = (call) => (call === `POST /v1/${ENTITLEMENT}/grants` ? no : null);
    const { message, hint } = await failure(issue(order()), 'ERR_CLOUD');
    assert.match(`${message} ${hint ?? ''}`, /opens no grant .* has one already/);
  }
  assert.deepEqual(place.gcp.pam.open(), []);
});

test('an entitlement that is not what the target says is refused when it is planned and before anything is made', async () => {
  const wrong = [
    [{ approval: 'needed' }, /somebody at google to approve/],
    [{ roles: [{ role: 'roles/storage.objectViewer' }] }, /other roles than the target says/],
    [{ roles: [...PAM_ROLES, 'roles/owner'].map((role) => ({ role })) }, /other roles than the target says/],
    [{ longestSeconds: 1_799 }, /1799 seconds at most/],
    [{ project: 'acme-web-test' }, /another resource than project acme-web-prod/],
  ] as const;
  for (const [changes, words] of wrong) {
    const before = place.gcp.pam.entitlements.get(ENTITLEMENT);
    change(changes);
    assert.match((await failure(place.provider.plan(place.target, [WHOLE], 900), 'ERR_CLOUD')).message, words);
    assert.match((await failure(issue(order()), 'ERR_CLOUD')).message, words);
    assert(before !== undefined);
    change(before);
  }
  assert.equal(made(), 0);
});

test('a plan judges everything that comes with the entitlement, and says what it is', async () => {
  const { assessment, words, permission, revocation } = await place.provider.plan(place.target, [WHOLE], 900);
  assert.deepEqual(assessment, { access: 'read', breadth: 'broad' });
  assert.match(words.join('\n'), /roles\/logging\.viewer in all of project acme-web-prod/);
  assert.match(words.join('\n'), /one grant at a time\n.*cannot be extended/);
  assert.equal(permission, (await issue(order())).granted);
  assert.deepEqual(revocation, { kind: 'within', seconds: 600 });
});

test('what takes google a while is waited for, and what takes it too long is left for the revocation by name', async () => {
  place.gcp.pam.opensMs = 3_000;
  const patient = place.fresh({
    pause: async (ms) => {
      place.clock.at += ms;
      await Promise.resolve();
    },
  });
  const one = order();
  const issued = await patient.issue(place.target, one, never());
  assert.equal(await reads(issued), true);
  place.gcp.pam.revoke(place.gcp.pam.open()[0]?.name ?? '');
  place.gcp.pam.opensMs = HOUR_MS;
  const late = order();
  await failure(patient.issue(place.target, late, never()), 'ERR_CLOUD_UNKNOWN');
  assert.equal(place.gcp.pam.open().length, 1);
  await revoke(markOf(place, late));
  assert.deepEqual(place.gcp.pam.open(), []);
});

test('a renewal within the half hour works, and one that google’s grant does not cover is refused and changes nothing', async () => {
  const one = order({ endsAt: place.clock.at + 60_000 });
  await issue(one);
  const longer = { ...one, endsAt: place.clock.at + 1_200_000 };
  assert.equal((await issue(longer)).notAfter, place.clock.at + 600_000);
  const tooLong = { ...one, endsAt: place.clock.at + 2_400_000 };
  assert.match((await failure(issue(tooLong), 'ERR_CLOUD')).message, /cannot extend .* ends at 2026-11-22T12:30:00/);
  assert.equal(made(), 1);
  assert.equal(await reads(await issue(longer)), true);
});

test('what an administrator has ended at google is not opened again', async () => {
  const one = order();
  await issue(one);
  place.gcp.pam.revoke(place.gcp.pam.open()[0]?.name ?? '');
  assert.match((await failure(issue(one), 'ERR_CLOUD')).message, /somebody has ended this grant at google \(REVOKED\)/);
  assert.equal(made(), 1);
});

test('a revocation takes the roles away at once, and is gone only when the last token has ended', async () => {
  place.gcp.pam.closesMs = 2_000;
  const one = order();
  const issued = await issue(one);
  const mark = markOf(place, one, issued);
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: place.clock.at + 5_000 });
  place.clock.at += 5_000;
  assert.deepEqual(await revoke(mark), { kind: 'pending', checkAt: issued.notAfter });
  assert.equal(await reads(issued), false);
  place.clock.at = issued.notAfter;
  assert.equal((await revoke(mark)).kind, 'gone');
});

test('whoever still holds a token can have google open the entitlement again, and it is not called gone while they can', async () => {
  const one = order();
  const issued = await issue(one);
  const mark = markOf(place, one, issued);
  assert.equal((await revoke(mark)).kind, 'pending');
  const asked = { requestedDuration: '1800s', justification: { unstructuredJustification: 'again' } };
  const { status } = await fetch(`${place.gcp.url}/v1/${ENTITLEMENT}/grants`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokenOf(place.gcp, issued.credential)}` },
    body: JSON.stringify(asked),
  });
  assert.equal(status, 200);
  place.clock.at += 420_000;
  assert.equal(place.gcp.pam.open().length, 1);
  assert.deepEqual([await reads(issued), (await revoke(mark)).kind], [true, 'pending']);
  place.clock.at = issued.notAfter;
  assert.deepEqual([await reads(issued), (await revoke(mark)).kind], [false, 'gone']);
  assert.match((await failure(issue(order()), 'ERR_CLOUD')).message, /in use by somebody else/);
});

test('all pages are read: a grant on the last one is found and ended', async () => {
  for (let count = 0; count < 5; count++) {
    const asked = { requester: ANN, justification: 'maintenance', seconds: 1_800 };
    place.gcp.pam.revoke(place.gcp.pam.plant(ENTITLEMENT, asked).name);
  }
  place.gcp.pam.pageSize = 2;
  const one = order();
  await issue(one);
  const [found, ...more] = await place.provider.list(place.target, never());
  assert.deepEqual([found?.grant, more], [one.grant, []]);
  assert.equal(found?.notAfter, one.endsAt);
  await revoke(markOf(place, one));
  assert.deepEqual(place.gcp.pam.open(), []);
});

test('answers that cannot be read hand out nothing, and are never called nothing once google was asked', async () => {
  const grants = `/v1/${ENTITLEMENT}/grants`;
  const cases = [
    [`GET /v1/${ENTITLEMENT}`, '{}', 'ERR_CLOUD_BUSY'],
    [`GET ${grants}`, '{"grants":[{"name":"../x"}]}', 'ERR_CLOUD_BUSY'],
    [`GET ${grants}`, '{"unreachable":["global"]}', 'ERR_CLOUD_BUSY'],
    [`POST ${grants}`, '{}', 'ERR_CLOUD_UNKNOWN'],
  ] as const;
  for (const [what, body, code] of cases) {
    place.gcp.trouble = (call) => (call === what ? { http: 200, body } : null);
    await failure(issue(order()), code);
  }
  place.gcp.trouble = (call) => (/^GET .*\/grants\/./.test(call) ? googleError(403, 'PERMISSION_DENIED') : null);
  const one = order();
  await failure(issue(one), 'ERR_CLOUD_UNKNOWN');
  place.gcp.trouble = () => null;
  await revoke(markOf(place, one));
  assert.deepEqual(place.gcp.pam.open(), []);

  const before = made();
  const signedOut = place.fresh({
    ambient: async () => {
      if (made() > before) throw new JitError({ code: 'ERR_CLOUD_BUSY', message: 'no token now' });
      return await brokerToken(place.gcp)();
    },
  });
  const another = order();
  await failure(signedOut.issue(place.target, another, never()), 'ERR_CLOUD_UNKNOWN');
  await revoke(markOf(place, another));
  assert.deepEqual(place.gcp.pam.open(), []);
});

test('what a target with an entitlement needs, and what belongs to others, is said', () => {
  const wrong = [
    [{ entitlement: undefined }, /entitlement: needed with access: pam/],
    [{ service_account: undefined }, /service_account: needed with access: pam/],
    [
      { entitlement: `projects/acme-payments/locations/global/entitlements/on-call` },
      /entitlement: of another project/,
    ],
    [{ entitlement: `${ENTITLEMENT}/grants/x?y=` }, /entitlement: write it like/],
    [{ people: {} }, /people: belongs to access: binding/],
    [{ access: 'storage' }, /entitlement: belongs to access: pam/],
  ] as const;
  for (const [changes, words] of wrong) {
    assert.throws(() => place.provider.parseTarget('web', pamConfig(changes)), words);
  }
  const byNumber = pamConfig({ entitlement: ENTITLEMENT.replace(PROJECT, '415104041262') });
  assert.equal(place.provider.parseTarget('web', byNumber).access.kind, 'pam');
});
