/**
 * A live grant at AWS itself, for commands that make something of its session: broker and keeper are stood in for, since
 * nothing here can issue there.
 * @module
 */
import type { BrokerClient } from '../../src/client/client.ts';
import type { BrokerRef } from '../../src/client/ref.ts';
import type { Context } from '../../src/cli/context.ts';
import { grantId } from '../../src/core/ids.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Keeper } from '../../src/keeper/connect.ts';
import type { LegView, Outcome } from '../../src/wire/views.ts';
import { testWorld } from './world.ts';

export const NOW = Date.UTC(2026, 10, 22, 12);
export const ID = grantId(new Uint8Array(16).fill(7));
export const KEYS = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret-canary', sessionToken: 'token-canary' };
/** What the keeper says of AWS in a document. */
export const AWS_PART = {
  region: 'eu-west-1',
  endpoint: null,
  AccessKeyId: KEYS.accessKeyId,
  SecretAccessKey: KEYS.secretAccessKey,
  SessionToken: KEYS.sessionToken,
};

export function legOf(changes: Partial<LegView> = {}): LegView {
  return {
    target: 'web-prod',
    provider: 'aws',
    environment: 'prod',
    sandbox: false,
    state: 'issued',
    tool: { kind: 'aws', identity: 'issued', account: '123456789012', region: 'eu-west-1', endpoint: null },
    name: 'gr_0',
    revocation: { kind: 'within', seconds: 300 },
    notAfter: new Date(NOW + 3_600_000).toISOString(),
    attempts: 1,
    problem: null,
    gone: null,
    ...changes,
  };
}

export interface StandIns {
  readonly legs?: readonly LegView[];
  readonly permissions?: Outcome['request']['permissions'];
  readonly state?: 'active' | 'closed' | 'issuing';
  readonly idleSeconds?: number;
  /** What the keeper says of the target. */
  readonly handedOut?: object;
  readonly ref?: BrokerRef;
  readonly env?: Readonly<Record<string, string>>;
  /** Epoch ms. */
  readonly now?: number;
}

/** A context, what was written, and what the keeper was asked for. */
export function standIns(parts: StandIns = {}) {
  const {
    legs = [legOf()],
    permissions = [],
    state = 'active',
    idleSeconds = null,
    handedOut,
    ref,
    env,
    now = NOW,
  } = parts;
  const { context, said } = testWorld({
    now: () => now,
    ...(ref === undefined ? {} : { ref }),
    ...(env === undefined ? {} : { env }),
  });
  const asked: unknown[] = [];
  const reason = state === 'closed' ? 'revoked' : null;
  const outcome = {
    request: { state: 'approved', id: 'req_0', permissions, incident: null },
    grant: { id: ID, state, reason, legs, idleSeconds, expiresAt: new Date(now + 2_400_000).toISOString() },
  };
  // Safe: these are the parts that the commands look at.
  const client = { getGrant: () => Promise.resolve(outcome as unknown as Outcome) } as unknown as BrokerClient;
  const output = JSON.stringify(handedOut ?? { target: 'web-prod', aws: AWS_PART });
  const keeper = {
    credential: (grant: unknown, choice: unknown) => {
      asked.push([grant, choice]);
      return Promise.resolve(new Secret({ output, notAfter: now + 1_800_000 }));
    },
    // Safe: it is asked for nothing else.
  } as unknown as Keeper;
  const inPlace: Context = {
    ...context,
    broker: async () => ({ ref: await context.brokerRef(), client }),
    keeper: () => Promise.resolve(keeper),
  };
  return { context: inPlace, said, asked };
}
