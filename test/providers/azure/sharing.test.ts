/**
 * Azure keeps one assignment of a role to a principal at a scope: what grants of one person share, and what is somebody else's.
 * @module
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { Order } from '../../../src/core/ports.ts';
import { readMark, writeMark } from '../../../src/providers/azure/names.ts';
import { ROLES } from '../../fakes/azure/world.ts';
import { ACCOUNT, ANN, BEN, NEIGHBOUR, PEOPLE, READ, WRITE, end, markOf, never, openGround } from './support.ts';
import type { Ground } from './support.ts';

const READER = ROLES[0]?.guid ?? '';
const MODES = ['direct', 'pim'] as const;

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  assert.deepEqual(ground.azure.wrong, []);
  await ground.close();
});

/** An assignment that an administrator has made. */
const plant = (parts: { principalId?: string; condition?: string; end?: number | null; description?: string } = {}) =>
  ground.azure.rbac.plant({
    scope: ACCOUNT.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions'),
    roleId: `/providers/Microsoft.Authorization/roleDefinitions/${READER}`,
    principalId: ANN,
    condition: '',
    end: null,
    description: 'made by an administrator',
    ...parts,
  });

const standing = () => ground.azure.rbac.current().filter(({ principalId }) => principalId === ANN);
const holders = (): readonly string[] =>
  standing().flatMap(({ description, request }) => {
    const text = request === null ? description : ground.azure.rbac.requests.get(request)?.body.justification;
    return [...(readMark(text)?.holders.keys() ?? [])];
  });
const refusal = async (work: Promise<unknown>): Promise<JitError> =>
  await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => (error instanceof JitError ? error : assert.fail(String(error))),
  );

for (const assignment of MODES) {
  test(`${assignment}: grants of one person share an assignment, which goes with the last of them`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    const orders = [1, 2, 3].map((hours) => ground.order({ endsAt: ground.now() + hours * 3_600_000 }));
    for (const order of orders) await provider.issue(target, order, never());
    assert.equal(standing().length, 1);
    assert.deepEqual(holders(), orders.map(({ grant }) => grant).toSorted());
    const until = (): number | null => standing()[0]?.end ?? null;
    const seconds = (at: number | undefined): number => Math.ceil((at ?? 0) / 1_000) * 1_000;
    if (assignment === 'pim') assert.equal(until(), seconds(orders[2]?.endsAt));
    // The one that lasts longest ends first: what is left ends with the others.
    const [first, second, third] = orders;
    assert(first !== undefined && second !== undefined && third !== undefined);
    await end(ground, provider, markOf(provider, target, third));
    assert.deepEqual(holders(), [first.grant, second.grant].toSorted());
    if (assignment === 'pim') assert.equal(until(), seconds(second.endsAt));
    await end(ground, provider, markOf(provider, target, first));
    assert.deepEqual(holders(), [second.grant]);
    assert.equal(await ground.works({ kind: 'own' }, second), true);
    await end(ground, provider, markOf(provider, target, second));
    assert.deepEqual(standing(), []);
  });

  test(`${assignment}: many at once, issued and ended side by side, lose nobody and leave nothing`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    const orders = Array.from({ length: 6 }, () => ground.order({ endsAt: ground.now() + 7_200_000 }));
    await Promise.all(orders.map((order) => provider.issue(target, order, never())));
    assert.deepEqual(holders(), orders.map(({ grant }) => grant).toSorted());
    const [kept, ...rest] = orders;
    assert(kept !== undefined);
    await Promise.all(rest.map((order) => end(ground, provider, markOf(provider, target, order))));
    assert.deepEqual(holders(), [kept.grant]);
    await end(ground, provider, markOf(provider, target, kept));
    assert.deepEqual(standing(), []);
  });

  test(`${assignment}: a permanent assignment of somebody else is used as it is, said so, and never touched`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    const planted = plant();
    const order = ground.order();
    const { granted, credential } = await provider.issue(target, order, never());
    assert.match(granted, /"heldFromElsewhere":\[\{"scope":"\/subscriptions\//);
    assert.equal(await ground.works(credential, order), true);
    await end(ground, provider, markOf(provider, target, order));
    assert.deepEqual(standing(), [planted]);
    assert.equal(planted.description, 'made by an administrator');
    assert.deepEqual(await provider.list(target, never()), []);
  });

  test(`${assignment}: where somebody else's assignment has a condition, or is another broker's, nothing is issued`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    const planted = plant({ condition: "@Resource[x:name] StringEquals 'a'" });
    const { code, message } = await refusal(provider.issue(target, ground.order(), never()));
    assert.equal(code, 'ERR_CLOUD');
    assert.match(message, /azure keeps only one/);
    ground.azure.rbac.drop(planted);
    plant({ description: writeMark(NEIGHBOUR, new Map([[ground.order().grant, ground.now() + 60_000]])) });
    assert.match(
      (await refusal(provider.issue(target, ground.order(), never()))).message,
      /another broker or target of jit/,
    );
    assert.equal(standing().length, 1);
  });

  test(`${assignment}: of two brokers the second is refused and neither ends what the other gave`, async () => {
    const [mine, theirs, target] = [ground.provider(), ground.provider(NEIGHBOUR), ground.target({ assignment })];
    const [own, other] = [ground.order({ endsAt: ground.now() + 7_200_000 }), ground.order()];
    await mine.issue(target, own, never());
    assert.equal((await refusal(theirs.issue(target, other, never()))).code, 'ERR_CLOUD');
    await end(ground, theirs, markOf(theirs, target, other));
    assert.deepEqual(holders(), [own.grant]);
    assert.deepEqual(await theirs.list(target, never()), []);
  });

  test(`${assignment}: another person on the same thing has an assignment of their own`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment, people: PEOPLE })];
    const ann = ground.order({ endsAt: ground.now() + 7_200_000 });
    const ben: Order = { ...ground.order(), principal: { ...ann.principal, subject: 'ben' } };
    await provider.issue(target, ann, never());
    await provider.issue(target, ben, never());
    await end(ground, provider, markOf(provider, target, ben));
    assert.deepEqual(holders(), [ann.grant]);
    assert.equal(
      ground.azure.rbac.current().some(({ principalId }) => principalId === BEN),
      false,
    );
  });

  test(`${assignment}: no more than eight share one, and nothing is issued to the ninth`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    for (let count = 0; count < 8; count++) await provider.issue(target, ground.order(), never());
    const before = holders();
    assert.equal(before.length, 8);
    const ninth = ground.order();
    const { code, hint } = await refusal(provider.issue(target, ninth, never()));
    assert.deepEqual([code, hint], ['ERR_CLOUD', 'renew one of them instead']);
    assert.deepEqual(holders(), before);
  });

  test(`${assignment}: several roles in one order, of which one is in the way: nothing of it is issued`, async () => {
    const [provider, target] = [ground.provider(), ground.target({ assignment })];
    plant({ condition: 'x' });
    const order = ground.order({ permissions: [WRITE, READ] });
    assert.equal((await refusal(provider.issue(target, order, never()))).code, 'ERR_CLOUD');
    assert.equal(standing().length, 1);
  });
}

test('somebody who is quicker between the look and the call is found, and decided about', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  const planted = plant();
  // The look sees nothing yet.
  ground.azure.refusals.push({ line: /^GET .*\/roleAssignments$/, reply: { status: 200, body: { value: [] } } });
  const { granted } = await provider.issue(target, ground.order(), never());
  assert.match(granted, /"heldFromElsewhere":\[\{/);
  assert.deepEqual(standing(), [planted]);
});

test('an assignment whose description an administrator has changed is still found, and removed', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  const order = ground.order();
  await provider.issue(target, order, never());
  const [one] = standing();
  assert(one !== undefined);
  one.description = 'mine now';
  await end(ground, ground.provider(), markOf(provider, target, order));
  assert.deepEqual(standing(), []);
});

test('a copy of a mark on an assignment that jit did not make does not make it jit’s', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  const order = ground.order();
  await provider.issue(target, order, never());
  const [one] = standing();
  const copy = ground.azure.rbac.plant({
    scope: ACCOUNT,
    roleId: ROLES[1]?.guid ?? '',
    principalId: ANN,
    condition: '',
    end: null,
    description: one?.description ?? '',
  });
  await end(ground, provider, markOf(provider, target, order));
  assert.deepEqual(standing(), [copy]);
});

test('ends of others that have passed are not carried along', async () => {
  const [provider, target] = [ground.provider(), ground.target()];
  const [stale, fresh] = [
    ground.order({ endsAt: ground.now() + 60_000 }),
    ground.order({ endsAt: ground.now() + 7_200_000 }),
  ];
  await provider.issue(target, stale, never());
  ground.passTo(ground.now() + 600_000);
  await provider.issue(target, fresh, never());
  assert.deepEqual(holders(), [fresh.grant]);
});
