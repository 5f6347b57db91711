/**
 * A source of signed reports with a real store, a clock that is turned by hand, and somebody who listens.
 * @module
 */
import type { Hook } from '../../../src/core/hook.ts';
import type { Heard, IncidentSignal, IncidentSource } from '../../../src/core/incident.ts';
import type { IncidentReports } from '../../../src/core/incident-report.ts';
import { Secret } from '../../../src/core/secret.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { openWebhookSource } from '../../../src/incidents/webhook/source.ts';
import { makeCall } from '../../../src/outbound/call.ts';
import { readWebhookSecret } from '../../../src/outbound/standard-webhooks.ts';
import {
  type IncidentProgram,
  type ProgramIncident,
  signedCall,
  startIncidentProgram,
} from '../../fakes/incidents/webhook.ts';

export const START = 1_800_000_000_000;
export const signal = new AbortController().signal;
export const iso = (ms: number): string => new Date(ms).toISOString();

export interface World {
  readonly source: IncidentSource;
  readonly hook: Hook;
  readonly program: IncidentProgram;
  readonly store: IncidentReports;
  readonly heard: IncidentSignal[];
  /** `now`: epoch ms. `deaf`: how many of the next times nobody can be told. */
  readonly clock: { now: number; deaf: number };
  /** Sends a report as a message of that id, signed at this moment. */
  send(message: string, report: object): Promise<void>;
  /** The same source after the broker has been started again. */
  reopen(): { readonly source: IncidentSource; readonly hook: Hook };
}

export const report = (over: object = {}): ProgramIncident => ({
  id: '7',
  reference: 'INC-7',
  title: 'checkout is down',
  state: 'open',
  severity: 'SEV1',
  services: ['checkout'],
  responders: [{ id: 'u1', name: 'Ada', email: 'ada@example.com' }],
  commanders: [{ id: 'u2', name: 'Grace', email: null }],
  on_call: [
    { id: 'u1', name: 'Ada', email: 'ada@example.com', tier: 1 },
    { id: 'u3', name: 'Eve', email: null, tier: 2 },
  ],
  opened_at: iso(START - 60_000),
  updated_at: iso(START),
  url: 'https://incidents.example/7',
  merged_into: null,
  ...over,
});

export async function withSource(
  lookup: 'with look-up' | 'without',
  body: (world: World) => Promise<void>,
): Promise<void> {
  const clock = { now: START, deaf: 0 };
  const program = await startIncidentProgram();
  const store = await openSqliteStore({ file: ':memory:', now: () => clock.now });
  const secret = readWebhookSecret(new Secret(program.secret), 'test');
  const heard: IncidentSignal[] = [];
  const listen: Heard = async (_source, signals) => {
    if (clock.deaf > 0) {
      clock.deaf -= 1;
      throw new Error('nobody listens');
    }
    heard.push(...signals);
  };
  const open = (): { source: IncidentSource; hook: Hook } => {
    const opened = openWebhookSource({
      name: 'ours',
      signingSecrets: [{ secret, until: null }],
      severities: new Map([['SEV1', 1]]),
      tiers: new Set([1]),
      now: () => clock.now,
      call: makeCall(),
      store,
      lookup:
        lookup === 'without'
          ? null
          : { before: program.before, after: '', reach: 'private', token: new Secret(program.token) },
    });
    const hook = opened.hook?.(listen);
    if (hook === undefined) throw new Error('it is called');
    return { source: opened.source, hook };
  };
  const world: World = {
    clock,
    ...open(),
    program,
    store,
    heard,
    send: async (message, told) => world.hook(signedCall(program.secret, message, JSON.stringify(told), clock.now)),
    reopen: open,
  };
  try {
    await body(world);
  } finally {
    await store.close();
    await program.end();
  }
}
