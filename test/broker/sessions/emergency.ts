/**
 * A broker whose incident source and whose identity provider the test switches off and on. The application, its sessions, store
 * and policies are real; of the provider there is only the answer to whether it is down, which has tests of its own.
 * @module
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { JitError } from '../../../src/core/errors.ts';
import type { Incident, IncidentSource } from '../../../src/core/incident.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Standing } from '../../../src/identity/verify/standing.ts';
import { NO_WORD } from '../../../src/wire/sessions.ts';
import type { Answer, Caller } from '../../support/caller.ts';
import { ask } from '../service/world.ts';
import { ADA, type SessionWorld, sessionWorld, signIn } from './world.ts';

export const MARK = { 'jit-confirmation': NO_WORD };
export const HOUR = 3_600_000;
/** How old a word may be here, in an emergency. */
export const SECONDS = 4 * 3_600;

export const BOB: Principal = { ...ADA, subject: 'bob', name: 'Bob', groups: ['oncall'] };

const POLICY = `
@id("easy") @tier("auto") @max("1h") @renewals("9")
permit (principal, action == Jit::Action::"Request", resource);
@id("glass") @max("1h") @renewals("9")
permit (principal is Jit::User in Jit::Group::"eng", action == Jit::Action::"BreakGlass", resource)
when { context.incident.responder };
@id("sealed") @sealed("2") @sealed_group("oncall") @sealed_max("30m")
permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource) when { !context.incident.verified };
`;

const INCIDENT: Incident = {
  source: 'desk',
  id: '1',
  reference: 'INC-7',
  title: 'it burns',
  state: 'open',
  severity: 1,
  services: [],
  responders: [{ id: 'ada', name: 'Ada', email: null }],
  commanders: [],
  onCall: [],
  openedAt: 0,
  url: null,
  mergedInto: null,
};

export interface EmergencyWorld extends SessionWorld {
  /** What the broker finds when it asks the provider. */
  provider: Standing;
  /** How often it has asked. */
  asked(): number;
  /** Holds its answers back until the function is called. */
  hang(): () => void;
  source: 'answers' | 'silent';
  signedIn(principal?: Principal): Promise<Caller>;
  /** Entries of that type, as they are in the log. */
  entries(type: string): Promise<readonly Entry[]>;
}

export interface Entry {
  readonly type: string;
  readonly actor: unknown;
  readonly request: string | null;
  readonly grant: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export async function emergencyWorld(t: TestContext, seconds = SECONDS): Promise<EmergencyWorld> {
  let asked = 0;
  let held: Promise<void> = Promise.resolve();
  const look = async (text: string): Promise<Incident | null> => {
    if (world.source === 'silent') throw new JitError({ code: 'ERR_INCIDENT_SOURCE', message: 'desk is silent' });
    return text === '1' || text === 'INC-7' ? INCIDENT : null;
  };
  const desk: IncidentSource = { name: 'desk', find: look, look, open: async () => [INCIDENT] };
  const sessions = await sessionWorld(t, 'no device', {
    broker: {
      policy: POLICY,
      sources: [desk],
      emergencies: { rate: { requests: 1_000, withinMs: HOUR }, openReviews: 1_000 },
    },
    limits: { length: 12 * 3_600, token: 6 * 3_600 },
    emergency: {
      emergencySeconds: seconds,
      standing: async () => {
        asked += 1;
        await held;
        return world.provider;
      },
    },
  });
  const world: EmergencyWorld = {
    ...sessions,
    provider: { kind: 'down', why: 'ECONNREFUSED' },
    asked: () => asked,
    hang: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    source: 'answers',
    signedIn: async (principal = ADA) => {
      const me = await sessions.caller();
      assert.equal((await signIn(me, { principal })).status, 201);
      return me;
    },
    entries: async (type) => {
      const found = await sessions.store.entries({ from: 0, limit: 1_000 });
      return found.map(({ line }): Entry => JSON.parse(line)).filter((each) => each.type === type);
    },
  };
  return world;
}

/** An emergency request without a word. */
export async function breakGlass(me: Caller, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> {
  return me.call('POST', '/v1/requests', ask('s3:GetObject', { incident: 'INC-7', ...more }), { ...MARK, ...headers });
}

export const codeOf = ({ status, body }: Answer): string => [status, body['code']].join(' ').trim();
export const STALE = '401 ERR_IDENTITY_STALE';

export interface Made {
  readonly request: { readonly id: string; readonly hash: string; readonly policy: string; readonly state: string };
  readonly grant: { readonly id: string; readonly seconds: number; readonly expiresAt: string } | null;
}

/** The outcome of a call that must have gone well. */
export function made(answer: Answer): Made {
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
  return JSON.parse(JSON.stringify(answer.body));
}
