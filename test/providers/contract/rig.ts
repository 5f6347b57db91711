/**
 * What the test of a provider brings to the contract of all providers: a cloud, ways to disturb it, and an administrator's view of it.
 * @module
 */
import type { Credential } from '../../../src/core/credential.ts';
import type { Order, Provider, Target } from '../../../src/core/ports.ts';
import type { Principal } from '../../../src/core/principal.ts';
import type { Permission } from '../../../src/core/request.ts';

/** A part of the contract that makes no sense for a provider, and why. It is shown as skipped with these words. */
export interface Without {
  readonly without: string;
}

/**
 * `down`: nobody answers. `black-hole`: calls arrive and are never answered. `throttled`: the cloud says "too many". `denied`:
 * the broker has lost its own rights. `reply-lost`: calls are carried out, and their answers never arrive.
 */
export type OutageKind = 'down' | 'black-hole' | 'throttled' | 'denied' | 'reply-lost';

/** Something that must be refused before any call: text that would reach further than it looks, or nothing that exists. */
export interface Hostile {
  readonly what: string;
  readonly permission: Permission;
}

export interface Rig<T extends Target = Target> {
  readonly provider: Provider<T>;
  /** The provider of the same broker after a restart: the same owner and configuration, and no memory. What was before it is used no more. */
  restarted(): Provider<T>;
  /** The provider of another broker, which works on the same target. */
  readonly neighbour: Provider<T> | Without;
  readonly target: T;
  /** Another target, at which the same order is another thing. */
  readonly other: T | Without;
  /** Who asks. Where the cloud gives access to people's own identities, somebody whom it knows. */
  readonly principal: Principal;
  readonly permission: Permission;
  /** Another one, which `permission` does not include. */
  readonly second: Permission | Without;
  readonly hostile: readonly Hostile[];
  /** Texts that must never be seen outside a `Secret`: the broker's own passwords and tokens. */
  readonly canaries: readonly string[];
  /** The clock that the provider and the target go by. */
  readonly now: () => number;
  /** Whether the tests can move that clock, so that they see what happens in an hour. */
  readonly time: 'moved' | 'real';
  /** Comes back when that moment has come, epoch ms: moves the clock, or waits. */
  passTo(at: number): Promise<void>;
  /** The shortest life of a grant for tests that see it end, ms. Where time is real, they wait for twice as long. */
  readonly shortMs: number;
  /**
   * Whether a client with this credential can do what the order permits, tried at the target. For `own` credentials: whether
   * the order's principal can.
   */
  works(credential: Credential, order: Order): Promise<boolean>;
  /** Names of everything at both targets that brokers of jit made and that is still there, seen by an administrator. */
  objects(): Promise<readonly string[]>;
  /** Whether an issued grant can be seen at the target, so that `objects` and `list` find it. */
  readonly leaves: 'objects' | Without;
  /** Left out where each grant is a thing of its own at the target; else why those of one person on one thing look alike from outside. */
  readonly shared?: string;
  /** How long grants last in tests that do not see them end, ms: longer than two revocations take. Left out: a quarter of an hour. */
  readonly lifeMs?: number;
  /** Left out where one person can hold two grants of one thing; else why the second is refused, before anything is issued. */
  readonly refusesSecond?: string;
  /** An administrator removes what the order made. */
  readonly removeByHand: ((order: Order) => Promise<void>) | Without;
  /**
   * Makes something that is not jit's, under a name as near to the order's as the target allows.
   * @returns a check that it is untouched.
   */
  readonly plantForeign: ((order: Order) => Promise<() => Promise<boolean>>) | Without;
  /** Whether the target itself ends access at the order's end (and the plan's residual), without any broker. */
  readonly endsByItself: 'yes' | Without;
  /** Calls that have reached the target so far, answered or not. */
  calls(): number;
  /** Begins one, once `after` more calls have gone well. @returns how it ends. */
  outage(kind: OutageKind, when: { readonly after: number }): Promise<() => Promise<void>>;
  /** Outages that cannot be had here, and why. */
  readonly unable?: Partial<Record<OutageKind, string>>;
  /** Puts what differs between a plan and what is issued, besides times and ids of grants, into one spelling. */
  alike?(text: string, order: Order): string;
  close(): Promise<void>;
}

export function isWithout(part: unknown): part is Without {
  return typeof part === 'object' && part !== null && 'without' in part;
}
