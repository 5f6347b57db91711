/**
 * One test's orders at a rig: issued, marked and revoked as the broker does it, with the list of what has ended early.
 * @module
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { JitError } from '../../../src/core/errors.ts';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { Issued, Mark, Order, Provider, Revocation, Target } from '../../../src/core/ports.ts';
import type { Rig } from './rig.ts';

/** What a provider may answer while its cloud is out of order. */
export const CLOUD_CODES: readonly ErrorCode[] = ['ERR_CLOUD', 'ERR_CLOUD_BUSY', 'ERR_CLOUD_UNKNOWN'];

export const never = (): AbortSignal => new AbortController().signal;

export interface Scene<T extends Target> {
  /** The broker's provider, as it runs at present. */
  provider(): Provider<T>;
  /** From here on, the broker has been restarted: its provider remembers nothing. */
  restart(): void;
  order(parts?: Partial<Order>): Order;
  issue(order: Order, how?: How<T>): Promise<Issued>;
  /** The leg as the store has it; without `issued`, as it is when the broker died before it could record the outcome. */
  mark(order: Order, issued?: Issued, at?: T): Mark;
  revoke(mark: Mark, how?: How<T>): Promise<Revocation>;
  /** Asks again when the provider said, until it is gone. */
  end(mark: Mark, how?: How<T>): Promise<Extract<Revocation, { kind: 'gone' }>>;
  /** Ends it, and tidies up as soon as the clock can be made to say so. */
  endAndTidy(mark: Mark): Promise<void>;
  /** Ends and tidies everything that this test asked for. */
  clear(): Promise<void>;
}

export interface How<T extends Target> {
  readonly at?: T;
  readonly by?: Provider<T>;
  readonly signal?: AbortSignal;
}

const LIFE_MS = 900_000;
const ROUNDS = 200;

export function sceneOf<T extends Target>(rig: Rig<T>): Scene<T> {
  let provider = rig.provider;
  const asked = new Map<string, Mark>();
  let ended: readonly Mark[] = [];
  const revoked = async (): Promise<readonly Mark[]> => await Promise.resolve(ended);

  const mark = (order: Order, issued?: Issued, at: T = rig.target): Mark => {
    const { handle, notAfter } = provider.intend(at, order);
    const made: Mark = {
      grant: order.grant,
      target: at.name,
      handle,
      endsAt: issued === undefined ? null : order.endsAt,
      notAfter: issued?.notAfter ?? notAfter,
    };
    asked.set(handle, made);
    return made;
  };
  const revoke = async (one: Mark, { by = provider, signal = never() }: How<T> = {}): Promise<Revocation> => {
    ended = [...ended.filter(({ handle }) => handle !== one.handle), one];
    return await by.revoke(one, revoked, signal);
  };
  const end: Scene<T>['end'] = async (one, how) => {
    for (let round = 0; round < ROUNDS; round++) {
      const result = await revoke(one, how);
      if (result.kind === 'gone') return result;
      await rig.passTo(result.checkAt);
    }
    assert.fail(`still not gone after ${ROUNDS} rounds`);
  };
  const endAndTidy = async (one: Mark): Promise<void> => {
    const { tidyAt } = await end(one);
    if (tidyAt === null) return;
    // Where time is real, only what tidying removes can be seen, and not that nobody misses it.
    if (rig.time === 'moved') await rig.passTo(tidyAt);
    ended = ended.filter(({ handle }) => handle !== one.handle);
    await provider.tidy(one, revoked, never());
  };

  return {
    provider: () => provider,
    restart: () => {
      provider = rig.restarted();
    },
    order: (parts = {}) => ({
      grant: grantId(randomBytes(16)),
      principal: rig.principal,
      permissions: [rig.permission],
      endsAt: rig.now() + (rig.lifeMs ?? LIFE_MS),
      ...parts,
    }),
    issue: async (order, { at = rig.target, by = provider, signal = never() } = {}) => {
      mark(order, undefined, at);
      return await by.issue(at, order, signal);
    },
    mark,
    revoke,
    end,
    endAndTidy,
    clear: async () => {
      for (const one of asked.values()) await endAndTidy(one);
      asked.clear();
    },
  };
}

/** The error that a call fails with, checked for its code. */
export async function failing(promise: Promise<unknown>, codes: readonly ErrorCode[]): Promise<JitError> {
  const thrown: unknown = await promise.then(
    (value) => assert.fail(`it succeeded: ${inspect(value)}`),
    (error: unknown) => error,
  );
  assert(thrown instanceof JitError, inspect(thrown));
  assert(codes.includes(thrown.code), `${thrown.code}: ${thrown.message}`);
  return thrown;
}

/** What is secret in a credential, field by field. Names of identities are not. */
export function secretsOf({ credential }: Issued): readonly string[] {
  if (credential.kind === 'own') return [];
  const {
    accessKeyId: _key,
    user: _user,
    clientId: _client,
    ...secret
  }: Record<string, unknown> = {
    ...credential.secret.expose(),
  };
  return Object.values(secret).filter((value) => typeof value === 'string');
}

/** Everything that could be printed of a value, in the ways in which things get printed by accident. */
export function printed(value: unknown): string {
  return `${inspect(value, { depth: 12, showHidden: true })} ${JSON.stringify(value)} ${String(value)}`;
}
