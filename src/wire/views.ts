/**
 * The replies of the HTTP API, as schemas that both sides share. Times are RFC 3339 UTC.
 * @module
 */
import * as z from 'zod';
import { ACCESS_LEVELS, BREADTHS } from '../core/access.ts';
import { CLOSE_REASONS } from '../core/grant.ts';
import { TIERS } from '../core/tier.ts';
import { toolSchema } from './credentials.ts';
import { grantIdSchema, requestIdSchema } from './ids.ts';

export { credentialsViewSchema, type CredentialsView } from './credentials.ts';

const time = z.iso.datetime();
const name = z.string().max(256);
const line = z.string().max(4_096);

export const askSchema = z.strictObject({
  operation: name,
  resources: z.array(line).max(50),
  target: name.optional(),
});

export const personSchema = z.strictObject({ issuer: line, subject: line, name });

/**
 * `issue`: take an approved request up, which makes the grant. `confirm`: one's own word on a self-serve request.
 * Of emergency access: `revoke` its grant, as long as that is live, and `review` it once that is over.
 */
export const REQUEST_ACTIONS = ['approve', 'deny', 'cancel', 'confirm', 'issue', 'revoke', 'review'] as const;

export const requestViewSchema = z.strictObject({
  id: requestIdSchema,
  hash: z.hex().length(64),
  state: z.enum(['pending', 'approved', 'denied', 'cancelled', 'timed-out']),
  tier: z.enum(TIERS).nullable(),
  why: line,
  requester: z.strictObject({
    kind: z.enum(['user', 'workload', 'agent']),
    issuer: line,
    subject: line,
    name,
    /** The person for whom an agent asked. */
    actsFor: personSchema.optional(),
  }),
  asks: z.array(askSchema),
  permissions: z.array(
    z.strictObject({ target: name, operation: name, actions: z.array(name), resources: z.array(line) }),
  ),
  seconds: z.int().positive(),
  reason: line,
  ticket: name.nullable(),
  /** Of emergency access: the incident with which it ends. `id`: the source's own, null where it could not be asked. */
  incident: z.strictObject({ source: name, id: name.nullable(), reference: name }).nullable(),
  policy: name,
  createdAt: time,
  grant: grantIdSchema.nullable(),
  /** Counts changes; give it back as `after` to wait for the next one. */
  version: z.int(),
  /** Until when it has to be decided or, once approved, taken up. Null where nothing is waited for. */
  deadline: time.nullable(),
  /** The people who have to agree, and how many of them are still missing. */
  quorum: z.array(
    z.strictObject({ group: name.nullable(), approvers: z.int().positive(), missing: z.int().nonnegative() }),
  ),
  votes: z.array(
    z.strictObject({
      by: personSchema,
      choice: z.enum(['approve', 'deny']),
      comment: line.nullable(),
      at: time,
      /** False where the policy or the voter's groups have changed since. */
      counts: z.boolean(),
    }),
  ),
  /** What the caller may do with it now. */
  can: z.array(z.enum(REQUEST_ACTIONS)),
});

const revocationSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('immediate') }),
  z.strictObject({ kind: z.literal('within'), seconds: z.int() }),
  z.strictObject({ kind: z.literal('expiry-only') }),
]);

export const legViewSchema = z.strictObject({
  target: name,
  provider: name,
  environment: name,
  sandbox: z.boolean(),
  state: z.enum(['intended', 'maybe-issued', 'issued', 'gone']),
  /** Null when the target is no longer configured. */
  tool: toolSchema.nullable(),
  /** What it is called at the target. */
  name: line,
  revocation: revocationSchema,
  notAfter: time,
  attempts: z.int(),
  problem: line.nullable(),
  /** When and how it was verified that nothing of it works any more; null before that. */
  gone: z.strictObject({ at: time, proof: line }).nullable(),
});

export const grantViewSchema = z.strictObject({
  id: grantIdSchema,
  request: requestIdSchema,
  state: z.enum(['issuing', 'active', 'revoking', 'stuck', 'closed']),
  reason: z.enum(CLOSE_REASONS).nullable(),
  /** The longest time until the end that was ever asked for, by the request or a renewal. */
  seconds: z.int().positive(),
  /** How often its end has been put off. */
  renewals: z.int().nonnegative(),
  /** It ends when it has not been used for so long; null: it may rest. */
  idleSeconds: z.int().positive().nullable(),
  /** Counts changes; give it back as `after` to wait for the next one. */
  version: z.int(),
  createdAt: time,
  issuedAt: time.nullable(),
  expiresAt: time.nullable(),
  endedAt: time.nullable(),
  closedAt: time.nullable(),
  legs: z.array(legViewSchema),
});

export const outcomeSchema = z.strictObject({ request: requestViewSchema, grant: grantViewSchema.nullable() });

const assessmentSchema = z.strictObject({ access: z.enum(ACCESS_LEVELS), breadth: z.enum(BREADTHS) });

/** What would be issued at one target. */
export const targetPlanSchema = z.strictObject({
  target: name,
  permission: z.string().max(65_536),
  words: z.array(line),
  assessment: assessmentSchema,
  floorSeconds: z.int(),
  residualSeconds: z.int(),
  revocation: revocationSchema,
});

export const planViewSchema = z.strictObject({
  decision: z.enum(['permit', 'deny']),
  tier: z.enum(TIERS).nullable(),
  /** Whether this broker can carry the decision out by itself. */
  available: z.boolean(),
  why: line,
  hint: line.nullable(),
  maxSeconds: z.int().nullable(),
  /** How often the grant could be renewed. */
  renewals: z.int().nonnegative(),
  /** The grant would end when not used for so long; null: it may rest. */
  idleSeconds: z.int().positive().nullable(),
  /** People who must approve: each entry is met by distinct people, from that group or, with null, from all who may approve. */
  quorum: z.array(z.strictObject({ group: name.nullable(), approvers: z.int().positive() })),
  /**
   * Of emergency access: how long its holder keeps it after the incident was closed, warned meanwhile, and whether it ends with
   * their part in the incident as well. Null for any other and where it would be denied.
   */
  emergency: z.strictObject({ warnSeconds: z.int().nonnegative(), handover: z.enum(['ends', 'stays']) }).nullable(),
  targets: z.array(targetPlanSchema),
});

/** What an approver has to see before they decide. */
export const reviewViewSchema = z.strictObject({
  request: requestViewSchema,
  targets: z.array(targetPlanSchema),
  /** By the rule that permits it now; null where none does. `maxSeconds` is also the most that one renewal gives. */
  terms: z.strictObject({ renewals: z.int(), maxSeconds: z.int(), idleSeconds: z.int().nullable() }).nullable(),
  /** What became of this requester's earlier requests for the same operations, as far as the caller may be told. */
  history: z.strictObject({
    requests: z.int(),
    granted: z.int(),
    denied: z.int(),
    /** Grants of them from which credentials were fetched. */
    used: z.int(),
    lastGrantedAt: time.nullable(),
  }),
});

const decidedSchema = z.strictObject({
  state: z.enum(['pending', 'approved', 'denied', 'cancelled', 'timed-out']),
  tier: z.enum(TIERS).nullable(),
  why: line,
});

/** What policy says to one question now. */
const judgementSchema = z.strictObject({
  decision: z.enum(['permit', 'deny']),
  tier: z.enum(TIERS).nullable(),
  why: line,
  /** Flags that would change the answer. */
  hint: line.nullable(),
  /** Ids of the policies that decide; of a denial none where nothing matches. */
  decidedBy: z.array(line),
  /** The pair that the policies below were held against: the first that is denied, or the first where none is. */
  permission: line,
  resource: line,
  /** Policies on action Request in the order of their files; null where they are too many for one answer. */
  policies: z
    .array(
      z.strictObject({
        id: line,
        effect: z.enum(['permit', 'forbid']),
        tier: z.enum(TIERS).nullable(),
        description: line.nullable(),
        state: z.enum(['decides', 'matches', 'misses']),
        /** What would have to be otherwise, in words; empty unless it misses. */
        missing: z.array(line),
      }),
    )
    .nullable(),
});

/** Why a request was decided as it was, and what the present policies make of it. */
export const explanationViewSchema = z.strictObject({
  request: requestIdSchema,
  /** As it stands; the policies by id, or null where the audit log has no word on them. */
  decided: decidedSchema.extend({ policy: name, policies: z.array(line).nullable() }),
  /** The present version of the policies. */
  policy: name,
  /** What the same ask would come to, asked now; null where it cannot be asked any more. */
  now: decidedSchema.extend({ hint: line.nullable(), decidedBy: z.array(line) }).nullable(),
  /** Why it cannot be asked any more, or in what it is not the same. */
  note: line.nullable(),
  /** One for each permission that the ask comes to. */
  questions: z.array(
    judgementSchema.extend({
      target: name,
      operation: name,
      /** The same for the person for whom an agent asked. */
      person: judgementSchema.nullable(),
    }),
  ),
});

export const catalogViewSchema = z.strictObject({
  operations: z.array(
    z.strictObject({
      name,
      description: line,
      risk: name,
      actions: z.array(name),
      /** The operations that are granted with it, all or nothing. */
      also: z.array(name),
      resources: z.array(line),
      parameters: z.array(z.strictObject({ name, description: line, accepts: line })),
      targets: z.array(name),
      /** How a request by this caller for one minute would be decided. */
      decision: line,
    }),
  ),
  targets: z.array(
    z.strictObject({
      name,
      provider: name,
      environment: name,
      sandbox: z.boolean(),
      account: name,
      /** How raw permissions of each access level would be decided there. */
      decisions: z.record(name, line),
    }),
  ),
});

/** Newest first. */
export const outcomeListSchema = z.strictObject({ items: z.array(outcomeSchema) });
/** What came of ending the grants of a user. */
export const userRevocationSchema = outcomeListSchema.extend({
  /** Grants that are live still: the caller may not end them, or the store failed there. */
  kept: z.array(grantIdSchema),
});
export const entriesViewSchema = z.strictObject({
  entries: z.array(z.strictObject({ sequence: z.int(), line: z.string() })),
});
export const healthSchema = z.strictObject({ status: z.enum(['ok', 'stopping']), version: name, sandbox: z.boolean() });

export type RequestView = z.infer<typeof requestViewSchema>;
export type GrantView = z.infer<typeof grantViewSchema>;
export type LegView = z.infer<typeof legViewSchema>;
export type Outcome = z.infer<typeof outcomeSchema>;
export type PlanView = z.infer<typeof planViewSchema>;
export type ReviewView = z.infer<typeof reviewViewSchema>;
export type ExplanationView = z.infer<typeof explanationViewSchema>;
export type RequestAction = (typeof REQUEST_ACTIONS)[number];
export type CatalogView = z.infer<typeof catalogViewSchema>;
export type OutcomeList = z.infer<typeof outcomeListSchema>;
export type UserRevocation = z.infer<typeof userRevocationSchema>;
export type EntriesView = z.infer<typeof entriesViewSchema>;
export type Health = z.infer<typeof healthSchema>;
