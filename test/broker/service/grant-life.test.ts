import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { transition } from '../../../src/core/transition.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { ALICE, ask, BOB, startBroker, type TestBroker } from './world.ts';

const open: TestBroker[] = [];
after(async () => Promise.all(open.map(async (each) => each.stop())));

async function start(...setting: Parameters<typeof startBroker>): Promise<TestBroker> {
  const started = await startBroker(...setting);
  open.push(started);
  return started;
}

function grantOf(outcome: Outcome): GrantId {
  assert.ok(outcome.grant);
  return outcome.grant.id;
}

async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  const giveUp = performance.now() + 10_000;
  while (!(await check())) {
    assert.ok(performance.now() < giveUp, 'it did not come about in 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function reaches(t: TestBroker, id: GrantId, state: string): Promise<void> {
  await until(async () => (await t.store.grant(id))?.grant.state.name === state);
}

async function story(t: TestBroker, id: GrantId): Promise<string[]> {
  const entries = await t.store.entries({ from: 0, limit: 1_000 });
  const parsed = entries.map(({ line }): { type: string; grant: string | null } => JSON.parse(line));
  return parsed.filter(({ grant }) => grant === null || grant === id).map(({ type }) => type);
}

const code = (expected: string) => (thrown: unknown) =>
  thrown instanceof Error && 'code' in thrown && thrown.code === expected;

void test('an automatic request is active at once; its credential is handed out once from memory, then issued anew', async () => {
  const t = await start();
  const outcome = await t.broker.submit(ALICE, ask(), null);
  const id = grantOf(outcome);
  assert.equal(outcome.grant?.state, 'active');
  const first = await t.broker.credentials(ALICE, id);
  const [issued] = first.credentials;
  assert.equal(issued?.kind === 'aws' && issued.secret.secretAccessKey, 'canary-secret-access-key');
  assert.equal(first.expiresAt, outcome.grant?.expiresAt);
  assert.equal(t.cloud.calls.length, 1);
  await t.broker.credentials(ALICE, id);
  assert.equal(t.cloud.calls.length, 2);
  const types = await story(t, id);
  assert.deepEqual(types.slice(0, 5), [
    'request.submitted',
    'request.decided',
    'grant.intended',
    'grant.issued',
    'credential.delivered',
  ]);
  assert.deepEqual(types.slice(5), ['grant.reissue', 'grant.issued', 'credential.delivered']);
});

void test('the intent is durable before the cloud is called, also for a repeated issue', async () => {
  const t = await start();
  const seen: string[] = [];
  t.cloud.onCall = async (verb, grant) => {
    const entries = await t.store.entries({ from: 0, limit: 100 });
    const types = entries.map(({ line }): { type: string; grant: string } => JSON.parse(line));
    seen.push(`${verb}: ${types.filter((each) => each.grant === grant).at(-1)?.type}`);
  };
  const id = grantOf(await t.broker.submit(ALICE, ask(), null));
  await t.broker.credentials(ALICE, id);
  await t.broker.credentials(ALICE, id);
  assert.deepEqual(seen, ['issue: grant.intended', 'issue: grant.reissue']);
});

void test('a denial is stored, audited and names the request; the cloud hears nothing', async () => {
  const t = await start();
  await assert.rejects(t.broker.submit(ALICE, ask('s3:DeleteObject'), null), code('ERR_DENIED'));
  const { items } = await t.broker.requests(ALICE, 10);
  assert.deepEqual(
    items.map(({ request, grant }) => [request.state, grant]),
    [['denied', null]],
  );
  assert.deepEqual(t.cloud.calls, []);
});

void test('a plan stores nothing and calls nobody', async () => {
  const t = await start();
  const plan = await t.broker.plan(ALICE, ask());
  assert.equal(plan.decision, 'permit');
  assert.equal(plan.tier, 'auto');
  assert.equal((await t.broker.plan(ALICE, ask('s3:PutObject'))).tier, 'manual');
  assert.deepEqual((await t.broker.requests(ALICE, 10)).items, []);
  assert.deepEqual(t.cloud.calls, []);
});

void test('twenty racing submissions with one key make one request and one credential', async () => {
  const t = await start();
  const idempotency = { key: 'k1', bodyHash: 'a'.repeat(64) };
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, async () => t.broker.submit(ALICE, ask(), idempotency)),
  );
  assert.equal(new Set(outcomes.map(({ request }) => request.id)).size, 1);
  assert.equal(t.cloud.calls.length, 1);
  await assert.rejects(t.broker.submit(ALICE, ask(), { key: 'k1', bodyHash: 'b'.repeat(64) }), code('ERR_IDEMPOTENCY'));
  const bobs = await t.broker.submit(BOB, ask(), idempotency);
  assert.notEqual(bobs.request.id, outcomes[0]?.request.id);
});

void test('a cloud that refuses ends the grant as failed; one that is only busy is asked again', async () => {
  const t = await start();
  t.cloud.issuing = ['refuses', 'well'];
  const refused = await t.broker.submit(ALICE, ask(), null);
  assert.deepEqual([refused.grant?.state, refused.grant?.reason], ['closed', 'failed']);
  assert.match(refused.grant?.legs[0]?.problem ?? '', /no/);
  await assert.rejects(t.broker.credentials(ALICE, grantOf(refused)), code('ERR_GRANT_ENDED'));
  t.cloud.issuing = ['busy', 'busy', 'well'];
  const busy = await t.broker.submit(ALICE, ask(), null);
  assert.equal(busy.grant?.state, 'active');
});

for (const how of ['breaks before', 'breaks after'] as const) {
  void test(`an unknown outcome (${how} the cloud issued) is never retried: it is revoked by its name`, async () => {
    const t = await start();
    t.cloud.issuing = [how];
    const id = grantOf(await t.broker.submit(ALICE, ask(), null));
    await reaches(t, id, 'closed');
    assert.equal(t.cloud.works(id), false);
    assert.equal(t.cloud.calls.filter((each) => each.startsWith('issue')).length, 1);
    assert.ok(t.cloud.calls.some((each) => each === `revoke main ${id}`));
    await assert.rejects(t.broker.credentials(ALICE, id), code('ERR_GRANT_ENDED'));
  });
}

void test('revocation takes effect, is verified, and leaves a denial only as long as it is needed', async () => {
  const t = await start();
  const id = grantOf(await t.broker.submit(ALICE, ask(), null));
  await t.broker.credentials(ALICE, id);
  assert.equal(t.cloud.works(id), true);
  await t.broker.revoke(ALICE, id, 'revoked');
  await reaches(t, id, 'closed');
  assert.equal(t.cloud.works(id), false);
  assert.ok(t.cloud.isDenied(id));
  await assert.rejects(t.broker.credentials(ALICE, id), code('ERR_GRANT_ENDED'));
  const again = await t.broker.revoke(ALICE, id, 'revoked');
  assert.equal(again.grant?.state, 'closed');
  t.advance(3_700_000);
  await until(() => !t.cloud.isDenied(id));
});

void test('a grant ends by itself at its time, without a denial', async () => {
  const t = await start();
  const id = grantOf(await t.broker.submit(ALICE, ask(), null));
  await t.broker.credentials(ALICE, id);
  t.advance(601_000);
  await reaches(t, id, 'closed');
  const stored = await t.store.grant(id);
  assert.deepEqual(stored?.grant.state.name === 'closed' && stored.grant.state.reason, 'expired');
  assert.equal(t.cloud.works(id), false);
  assert.equal(t.cloud.isDenied(id), false);
});

void test('a credential that nobody fetches is taken back after two minutes', async () => {
  const t = await start();
  const id = grantOf(await t.broker.submit(ALICE, ask(), null));
  t.advance(121_000);
  await reaches(t, id, 'closed');
  const stored = await t.store.grant(id);
  assert.equal(stored?.grant.state.name === 'closed' && stored.grant.state.reason, 'idle');
  assert.equal(t.cloud.works(id), false);
});

void test('a revocation that keeps failing is shown as stuck, retried for ever, and ends when the cloud is back', async () => {
  const t = await start();
  const id = grantOf(await t.broker.submit(ALICE, ask(undefined, { seconds: 3_600 }), null));
  await t.broker.credentials(ALICE, id);
  t.cloud.revoking = ['refuses'];
  await t.broker.revoke(ALICE, id, 'revoked');
  await until(async () => {
    t.advance(20_000);
    return (await t.store.grant(id))?.grant.state.name === 'stuck';
  });
  assert.equal(t.cloud.works(id), true);
  t.cloud.revoking = ['well'];
  t.advance(300_000);
  await reaches(t, id, 'closed');
  assert.equal(t.cloud.works(id), false);
});

void test('a revocation that arrives while the cloud is issuing wins: no secret leaves', async () => {
  const t = await start();
  let id: GrantId | undefined;
  t.cloud.onCall = async (verb, grant) => {
    if (verb !== 'issue' || id !== undefined) return;
    id = grant as GrantId; // the broker made it a moment ago
    await t.broker.revoke(ALICE, id, 'revoked');
  };
  const outcome = await t.broker.submit(ALICE, ask(), null);
  assert.notEqual(outcome.grant?.state, 'active');
  assert.ok(id);
  await reaches(t, id, 'closed');
  await until(() => !t.cloud.works(grantOf(outcome)));
  await assert.rejects(t.broker.credentials(ALICE, id), code('ERR_GRANT_ENDED'));
});

void test("somebody else's grant and request look like ones that do not exist", async () => {
  const t = await start();
  const outcome = await t.broker.submit(ALICE, ask(), null);
  const id = grantOf(outcome);
  const message = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => 'it worked',
      (thrown: unknown) => String(thrown).replaceAll(/(gr|req)_\w+/g, 'ID'),
    );
  const unknown: GrantId = `gr_${'0'.repeat(26)}`;
  const tries = [
    async (grant: GrantId) => t.broker.grant(BOB, grant, null),
    async (grant: GrantId) => t.broker.credentials(BOB, grant),
    async (grant: GrantId) => t.broker.revoke(BOB, grant, 'revoked'),
    async (grant: GrantId) => t.broker.entries(BOB, { grant, from: 0, limit: 10 }),
  ];
  for (const attempt of tries) {
    assert.equal(await message(attempt(id)), await message(attempt(unknown)));
  }
  assert.match(await message(t.broker.request(BOB, outcome.request.id, null)), /no request/);
  assert.deepEqual((await t.broker.requests(BOB, 10)).items, []);
  assert.equal(t.cloud.works(id), true);
});

void test('a broker that died while issuing: its successor revokes by name, whatever the cloud had done', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-life-'));
  try {
    const file = join(folder, 'broker.db');
    const first = await start({ file });
    let dead = false;
    first.cloud.onCall = async (verb) => {
      // The process "dies" while the cloud answers: nothing after this is ever recorded.
      if (verb === 'issue' && !dead) {
        dead = true;
        await first.store.close();
      }
    };
    await assert.rejects(first.broker.submit(ALICE, ask(), null));
    first.cloud.onCall = () => undefined;
    const second = await start({ file, after: first });
    const [item] = (await second.broker.requests(ALICE, 10)).items;
    assert.ok(item);
    const id = grantOf(item);
    await reaches(second, id, 'closed');
    assert.equal(second.cloud.works(id), false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

void test('a live grant survives a restart and is still revoked although its target left the configuration', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-life-'));
  try {
    const file = join(folder, 'broker.db');
    const first = await start({ file });
    const id = grantOf(await first.broker.submit(ALICE, ask(), null));
    await first.broker.credentials(ALICE, id);
    await first.stop();
    open.splice(open.indexOf(first), 1);
    const second = await start({ file, after: first, targets: ['another'] });
    assert.equal((await second.broker.grant(ALICE, id, null)).grant?.state, 'active');
    await second.broker.revoke(ALICE, id, 'revoked');
    await reaches(second, id, 'closed');
    assert.equal(second.cloud.works(id), false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

void test('one dead target of ten does not hold up the revocations of the others', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `t${index}`);
  const t = await start({ targets: names });
  const ids = await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const where = names[index % 10] ?? 't0';
      const id = grantOf(await t.broker.submit(ALICE, ask(undefined, { target: where }), null));
      await t.broker.credentials(ALICE, id);
      return { id, where };
    }),
  );
  let release: () => void = () => undefined;
  const dead = new Promise<void>((resolve) => (release = resolve));
  t.cloud.onCall = async (verb, _grant, where) => {
    if (verb === 'revoke' && where === 't0') await dead;
  };
  await t.broker.revokeMine(ALICE);
  const others = ids.filter(({ where }) => where !== 't0');
  await until(() => others.every(({ id }) => !t.cloud.works(id)));
  assert.ok(ids.some(({ id, where }) => where === 't0' && t.cloud.works(id)));
  release();
  await until(() => ids.every(({ id }) => !t.cloud.works(id)));
});

void test('a long-poll answers when the grant changes, and at the latest when its time is over', async () => {
  const t = await start();
  const outcome = await t.broker.submit(ALICE, ask(), null);
  const id = grantOf(outcome);
  const after0 = outcome.grant?.version ?? 0;
  const signal = new AbortController().signal;
  const waiting = t.broker.grant(ALICE, id, { ms: 20_000, signal, after: after0 });
  await t.broker.revoke(ALICE, id, 'completed');
  const woken = await waiting;
  assert.notEqual(woken.grant?.state, 'active');
  await reaches(t, id, 'closed');
  const last = await t.broker.grant(ALICE, id, null);
  const idle = await t.broker.grant(ALICE, id, { ms: 50, signal, after: last.grant?.version ?? 0 });
  assert.equal(idle.grant?.version, last.grant?.version);
});

void test('no secret is in the database or the audit log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jit-life-'));
  try {
    const t = await start({ file: join(folder, 'broker.db') });
    const id = grantOf(await t.broker.submit(ALICE, ask(), null));
    await t.broker.credentials(ALICE, id);
    const { readFile, readdir } = await import('node:fs/promises');
    for (const name of await readdir(folder)) {
      const bytes = await readFile(join(folder, name));
      assert.equal(bytes.includes('canary-'), false, name);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

void test('another spelling of an action is decided on, recorded and issued as the action that it is', async () => {
  const t = await start();
  assert.equal((await t.broker.submit(ALICE, ask('s3:putObject'), null)).request.tier, 'manual');
  const { request } = await t.broker.submit(ALICE, ask('s3:getObject'), null);
  assert.deepEqual(request.permissions[0]?.actions, ['s3:GetObject']);
});

void test('a credential that turns up while its grant is being revoked is revoked as well', async () => {
  const t = await start();
  const id = grantOf(await t.broker.submit(ALICE, ask(), null));
  await t.broker.credentials(ALICE, id);
  let late = false;
  t.cloud.onCall = async (verb) => {
    if (verb !== 'revoke' || late) return;
    late = true;
    const stored = await t.store.grant(id);
    assert.ok(stored);
    // What a second broker would commit whose call to the cloud came back just now.
    const event = {
      type: 'issued',
      granted: 'all of it',
      target: 'main',
      at: Date.now(),
      endsAt: Date.now() + 600_000,
      notAfter: Date.now() + 3_600_000,
    } as const;
    const { grant, effects } = transition(stored.grant, event);
    await t.store.commit({
      grant: { ...stored, grant },
      effects: effects.map((each) => ({ ...each, claimedUntil: null })),
      entries: [],
    });
  };
  await t.broker.revoke(ALICE, id, 'revoked');
  await reaches(t, id, 'closed');
  assert.equal(t.cloud.calls.filter((each) => each.startsWith('revoke')).length, 2);
});
