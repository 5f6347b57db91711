/**
 * A broker with three clouds of three providers, and grants that go over all of them.
 * @module
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { GrantId } from '../../../src/core/ids.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import type { GrantView } from '../../../src/wire/views.ts';
import type { Behaviour, FakeCloud } from '../../fakes/cloud.ts';
import { eventually } from '../../support/eventually.ts';
import { ALICE, ask, startBroker, type TestBroker } from './world.ts';

/** Of three providers: one that keeps sessions, and two that keep objects. */
export const PLACES = ['main', 'postgres', 'kubernetes'] as const;
export const CLOUDS = { postgres: 'objects', kubernetes: 'objects' } as const;
export const BUCKET = 'arn:aws:s3:::bucket/key';

export async function start(t: TestContext, setting: Parameters<typeof startBroker>[0] = {}): Promise<TestBroker> {
  const broker = await startBroker({ clouds: CLOUDS, ...setting });
  t.after(broker.stop);
  return broker;
}

export function cloudAt(t: TestBroker, place: string): FakeCloud {
  return t.clouds.get(place) ?? t.cloud;
}

export const details = (
  places: readonly string[] = PLACES,
  operation = 's3:GetObject',
): RequestBody['authorization_details'] =>
  places.map((place) => ({ type: 'jit_access', operation, resources: [BUCKET], target: place }));

export const body = (more: Partial<RequestBody> = {}): RequestBody => ({
  ...ask(),
  authorization_details: details(),
  ...more,
});

export async function submitted(t: TestBroker, asked: RequestBody = body()): Promise<GrantView> {
  const { grant } = await t.broker.submit(ALICE, asked, null);
  assert(grant !== null);
  return grant;
}

export async function granted(t: TestBroker, asked: RequestBody = body()): Promise<GrantId> {
  const { id, state } = await submitted(t, asked);
  assert.equal(state, 'active');
  await t.broker.credentials(ALICE, id);
  return id;
}

export const viewOf = async (t: TestBroker, id: GrantId): Promise<GrantView> => {
  const { grant } = await t.broker.grant(ALICE, id, null);
  assert(grant !== null);
  return grant;
};

export const legAt = ({ legs }: GrantView, place: string): GrantView['legs'][number] => {
  const leg = legs.find((one) => one.target === place);
  assert(leg !== undefined, `no leg at ${place}`);
  return leg;
};

export const closed = async (t: TestBroker, id: GrantId): Promise<GrantView> =>
  await eventually(async () => {
    const view = await viewOf(t, id);
    return view.state === 'closed' ? view : null;
  });

export const working = (t: TestBroker, id: GrantId): readonly string[] =>
  PLACES.filter((place) => cloudAt(t, place).works(id, { target: place }));

export function set(t: TestBroker, place: string, how: Partial<Record<'issue' | 'revoke', Behaviour>>): void {
  cloudAt(t, place).at.set(place, how);
}

export interface Entry {
  readonly type: string;
  readonly grant: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export async function entriesOf(t: TestBroker, id: GrantId): Promise<readonly Entry[]> {
  const found = await t.store.entries({ grant: id, from: 0, limit: 1_000 });
  return found.map(({ line }): Entry => JSON.parse(line));
}

export const code = (expected: string) => (thrown: unknown) =>
  thrown instanceof Error && 'code' in thrown && thrown.code === expected;
