/**
 * A broker with an incident source in memory: real service, policies, worker and store, and the real watch on incidents.
 * @module
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type IncidentWatch, startIncidentWatch } from '../../../src/broker/incidents/watch.ts';
import { makeEnds } from '../../../src/broker/service/emergency/end.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import type { Incident } from '../../../src/core/incident.ts';
import type { Principal } from '../../../src/core/principal.ts';
import { JitError } from '../../../src/core/errors.ts';
import type { RequestBody } from '../../../src/wire/bodies.ts';
import type { Outcome } from '../../../src/wire/views.ts';
import { type MemorySource, memorySource, person } from '../../fakes/incidents/memory.ts';
import { ALICE, ask, type Setting, startBroker, type TestBroker } from './world.ts';

const who = (subject: string, ...groups: readonly string[]): Principal => ({
  ...ALICE,
  subject,
  name: subject,
  groups,
});

export { ALICE };
/** May approve, as its rule for ordinary requests says. */
export const LEAD = who('lena', 'leads');
export const LEAD_TOO = who('lars', 'leads');
/** On call, to confirm what cannot be verified. */
export const OLGA = who('olga', 'on-call');
export const OTTO = who('otto', 'on-call');
/** Ends what others hold, by action Revoke. */
export const OPERATOR = who('ruth', 'operators');
export const COMMANDER = who('cora');
export const STRANGER = who('sven');

/** What emergencies are about here; `s3:DeleteObject` ends with the duty, of `s3:RestoreObject` the holder is warned. */
export const EMERGENCY_POLICY = `
@id("bg") @max("1h") @renewals("2")
permit(principal is Jit::User, action == Jit::Action::"BreakGlass", resource) when {
  context.operation like "s3:Put*" && context.incident.severity <= 2 && context.incident.services.contains("web") &&
  (context.incident.responder || context.incident.onCallTier == 1) };
@id("bg-sealed") @max("30m") @renewals("2") @sealed("2") @sealed_group("on-call") @sealed_max("10m")
permit(principal is Jit::User, action == Jit::Action::"BreakGlass", resource) when {
  context.operation like "s3:Put*" && !context.incident.verified };
@id("bg-duty") @max("1h") @handover("ends")
permit(principal is Jit::User, action == Jit::Action::"BreakGlass", resource) when {
  context.operation like "s3:Delete*" && context.incident.onCallTier == 1 };
@id("bg-warned") @max("1h") @warn("2m")
permit(principal is Jit::User, action == Jit::Action::"BreakGlass", resource) when {
  context.operation like "s3:Restore*" && context.incident.responder };
@id("people") @tier("manual") @max("1h") @approvers("2") @approver_group("leads")
permit(principal, action == Jit::Action::"Request", resource) when { context.operation like "s3:Put*" };
@id("leads") permit(principal in Jit::Group::"leads", action == Jit::Action::"Approve", resource);
@id("operators") permit(principal in Jit::Group::"operators", action == Jit::Action::"Revoke", resource);
`;

export interface EmergencyBroker extends TestBroker {
  readonly source: MemorySource;
  readonly watch: IncidentWatch;
  /** An open incident of which Alice is a responder and Cora the commander. */
  readonly incident: Incident;
  /** The source says so by itself, as in a signed call. */
  says(id: string, what: 'opened' | 'changed' | 'closed'): Promise<void>;
}

/** @param pollMs so long that nothing is polled, where it is left out. */
export async function emergencyBroker(
  t: TestContext,
  setting: Setting & { readonly pollMs?: number } = {},
  start: (setting: Setting) => Promise<TestBroker> = startBroker,
): Promise<EmergencyBroker> {
  const { pollMs = 3_600_000, ...rest } = setting;
  let now = Date.now;
  const source = memorySource('pager', () => now());
  const broker = await start({ policy: EMERGENCY_POLICY, ...rest, sources: [source, ...(rest.sources ?? [])] });
  const { world, store, approvals, worker } = broker;
  now = world.now;
  const ends = makeEnds(world, approvals, worker.wake);
  const watch = startIncidentWatch({ store, incidents: world.incidents, ends, pollMs, now: world.now, log: world.log });
  // Stops whatever has been started, also where the caller stops the broker itself.
  t.after(async () => watch.stop());
  if (start === startBroker) t.after(async () => broker.stop());
  const incident = source.opens({ responders: [person('alice'), person('cora')], commanders: [person('cora')] });
  return {
    ...broker,
    source,
    watch,
    incident,
    says: async (id, what) => watch.heard('pager', [{ event: `${id} ${what}`, id, says: what }]),
  };
}

/** An emergency request for what Alice may have as a responder. */
export function glass(incident = 'INC-1', operation = 's3:PutObject', more: Partial<RequestBody> = {}): RequestBody {
  return ask(operation, { incident, ...more });
}

export function grantOf({ grant }: Outcome): GrantId {
  assert.ok(grant !== null);
  return grant.id;
}

/** The refusal, its message and its hint. */
export async function refusal(work: Promise<unknown>): Promise<JitError> {
  const thrown: unknown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof JitError, `refused: ${String(thrown)}`);
  return thrown;
}

export async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  const giveUp = performance.now() + 20_000;
  while (!(await check())) {
    assert.ok(performance.now() < giveUp, 'it did not come about in 20 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function reaches({ store }: TestBroker, id: GrantId, state: string): Promise<void> {
  await until(async () => (await store.grant(id))?.grant.state.name === state);
}

/** Why the grant ended, once it has. */
export async function endOf(broker: TestBroker, id: GrantId): Promise<string> {
  await reaches(broker, id, 'closed');
  const state = (await broker.store.grant(id))?.grant.state;
  assert.ok(state?.name === 'closed');
  return state.reason;
}

/** Audit entries of that type, as they were written. */
export async function entriesOf({ store }: TestBroker, type: string): Promise<readonly Record<string, unknown>[]> {
  const all = await store.entries({ from: 0, limit: 1_000 });
  return all.map(({ line }): Record<string, unknown> => JSON.parse(line)).filter((entry) => entry['type'] === type);
}
