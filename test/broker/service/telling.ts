/**
 * A broker of which it can be seen what it tells: real service, policies and worker on a real SQLite file, which is read with a
 * connection of its own.
 * @module
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { NoticeRoute } from '../../../src/broker/notices/route.ts';
import { makeTeller } from '../../../src/broker/service/tell.ts';
import type { GrantId, RequestId } from '../../../src/core/ids.ts';
import { type Notice, NOTICE_KINDS, type NoticeKind } from '../../../src/core/notice.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Outcome, RequestView } from '../../../src/wire/views.ts';
import { target } from '../../fakes/cloud.ts';
import { ALICE, ask, BOB as PLAIN_BOB, type Setting, startBroker, type TestBroker } from './world.ts';

export const BOB: Principal = { ...PLAIN_BOB, groups: ['leads'] };
export const CAROL: Principal = { ...BOB, subject: 'carol', name: 'carol' };

export const policy = (tier: string, leads = 'leads'): string =>
  `@id("put") ${tier} @max("1h")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation like "s3:Put*" };
@id("leads") permit(principal in Jit::Group::"${leads}", action == Jit::Action::"Approve", resource);`;
export const leadsNeeded = (count: number): string =>
  policy(`@tier("manual") @approvers("${count}") @approver_group("leads")`);

/** Its file is removed after the test. */
export interface TellingBroker extends TestBroker {
  /** Rows that wait to be told, in the order in which they were stored. */
  told(): readonly { readonly notifier: string; readonly notice: Notice }[];
  kinds(): readonly NoticeKind[];
  readonly composed: NoticeKind[];
  /** How often the teller was told that something is stored. */
  readonly calls: { stored: number };
  /** With a connection of its own, behind the broker's back. */
  sql(text: string): void;
  /** A request of Alice's that two of the leads decide. */
  asked(): Promise<RequestView>;
  vote(who: Principal, choice: 'approve' | 'deny', id: RequestId): Promise<RequestView>;
}

export const all = (name: string, on: readonly NoticeKind[] = NOTICE_KINDS): NoticeRoute => ({
  name,
  on: new Set(on),
  groups: null,
});

export const NO_WORKER: Setting = { worker: 'off' };
export const WITH_WORKER: Setting = {};

export async function telling(
  t: TestContext,
  routes = [all('one')],
  setting: Setting = NO_WORKER,
): Promise<TellingBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'jit-tell-'));
  const file = join(folder, 'broker.db');
  const composed: NoticeKind[] = [];
  const calls = { stored: 0 };
  const targets = new Map([['main', target('main', 'aws')]]);
  const teller = makeTeller({ routes, targets, address: 'https://jit.example', wake: () => void (calls.stored += 1) });
  const started = await startBroker({
    file,
    ...setting,
    teller: {
      ...teller,
      compose: (told) => {
        composed.push(told.kind);
        return teller.compose(told);
      },
    },
  });
  t.after(async () => {
    await started.stop();
    rmSync(folder, { recursive: true });
  });
  const told: TellingBroker['told'] = () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const rows = database.prepare('SELECT notifier, notice FROM notices ORDER BY n').all();
    database.close();
    return rows.map(({ notifier, notice }) => ({ notifier: String(notifier), notice: JSON.parse(String(notice)) }));
  };
  const { broker, store } = started;
  return {
    ...started,
    told,
    kinds: () => told().map(({ notice }) => notice.kind),
    composed,
    calls,
    sql: (text) => {
      const database = new DatabaseSync(file);
      database.exec(text);
      database.close();
    },
    asked: async () => (await broker.submit(ALICE, ask('s3:PutObject'), null)).request,
    vote: async (who, choice, id) => {
      const stored = await store.request(id);
      assert.ok(stored !== null);
      const seen = { hash: stored.hash, policy: stored.decision.policy };
      const outcome =
        choice === 'approve'
          ? await broker.approve(who, id, { ...seen, attended: true })
          : await broker.deny(who, id, { ...seen, reason: 'not now' });
      return outcome.request;
    },
  };
}

export function last(w: TellingBroker): Notice {
  const row = w.told().at(-1);
  assert.ok(row !== undefined, 'nothing was told');
  return row.notice;
}

export const code = (expected: string) => (thrown: unknown) =>
  thrown instanceof Error && 'code' in thrown && thrown.code === expected;

export function grantOf({ grant }: Outcome): GrantId {
  assert.ok(grant !== null);
  return grant.id;
}
