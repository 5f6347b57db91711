/**
 * Notices to rows and back. Reading is strict: what is not exactly what was written is a `TypeError`, and no guess.
 * @module
 */
import * as z from 'zod';
import { ACCESS_LEVELS } from '../../../core/access.ts';
import { CLOSE_REASONS } from '../../../core/grant.ts';
import { type GrantId, isGrantId, isRequestId, type RequestId } from '../../../core/ids.ts';
import { type Notice, NOTICE_KINDS } from '../../../core/notice.ts';
import { TIERS } from '../../../core/tier.ts';
import type { ClaimedNotice } from '../notices.ts';
import { integer, orNull, type Row, text, word } from './cells.ts';

const REQUEST_STATES = ['pending', 'approved', 'denied', 'cancelled', 'timed-out'] as const;

const requestId = z.custom<RequestId>((value) => typeof value === 'string' && isRequestId(value));
const grantId = z.custom<GrantId>((value) => typeof value === 'string' && isGrantId(value));
const person = { issuer: z.string(), subject: z.string(), name: z.string() };

const notice = z.strictObject({
  id: z.string(),
  kind: z.enum(NOTICE_KINDS),
  at: z.int(),
  request: z.strictObject({
    id: requestId,
    hash: z.string(),
    policy: z.string(),
    requester: z.strictObject({
      kind: z.enum(['user', 'workload', 'agent']),
      ...person,
      actsFor: z.strictObject(person).nullable(),
    }),
    permissions: z.array(
      z.strictObject({
        target: z.string(),
        environment: z.string(),
        operation: z.string(),
        actions: z.array(z.string()),
        resources: z.array(z.string()),
      }),
    ),
    seconds: z.int(),
    reason: z.string(),
    ticket: z.string().nullable(),
    incident: z.strictObject({ source: z.string(), reference: z.string() }).nullable().default(null),
    tier: z.enum(TIERS).nullable(),
    risk: z.enum(['low', 'medium', 'high']).nullable(),
    access: z.enum(ACCESS_LEVELS).nullable(),
    quorum: z.array(z.strictObject({ group: z.string().nullable(), approvers: z.int() })),
    deadline: z.int().nullable(),
  }),
  grant: z
    .strictObject({ id: grantId, expiresAt: z.int().nullable(), reason: z.enum(CLOSE_REASONS).nullable() })
    .nullable(),
  // Left out in rows from before there were emergencies, which are told again to nobody but those they are stored for.
  approvers: z.array(z.string()).nullable().default(null),
  why: z.string(),
  by: z.array(z.string()),
  url: z.string().nullable(),
});

/** Throws `ZodError` for a notice that holds more or less than it may: nothing is stored that could not be read back. */
export function noticeJson(value: Notice): string {
  return JSON.stringify(notice.parse(value));
}

export function readClaimed(row: Row): ClaimedNotice {
  const read = notice.safeParse(JSON.parse(text(row, 'notice')));
  if (!read.success) throw new TypeError('column notice');
  return {
    row: integer(row, 'n'),
    notice: read.data,
    attempts: integer(row, 'attempts'),
    state: word(REQUEST_STATES, row, 'state'),
    receipt: orNull(text, row, 'receipt'),
  };
}
