/**
 * The part of the configuration that says who is told what, and how.
 * @module
 */
import { isIP } from 'node:net';
import * as z from 'zod';
import { NOTICE_KINDS } from '../../core/notice.ts';
import { isLoopback, urlProblem } from '../../outbound/address.ts';

const LINE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u;
const ADDRESS =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/;

const line = z.string().regex(LINE, 'one line of at most 256 characters');
const path = z.string().regex(/^[^\0]{1,1024}$/, 'the path of a file');
const address = z.string().max(254).regex(ADDRESS, 'an e-mail address without a name, such as sre@example.com');
const slackId = (letters: string, what: string): z.ZodString =>
  z.string().regex(new RegExp(`^[${letters}][A-Z0-9]{2,31}$`), what);

/** Never the secret itself: a private file that holds it in one line. Relative to the configuration file. */
const secret = z.strictObject({ file: path });
const rotating = z.strictObject({
  file: path,
  /** Until when it is used; for ever if left out. */
  until: z.iso
    .datetime({ offset: true, error: 'a time such as 2027-01-31T12:00:00Z' })
    .transform((text) => Date.parse(text))
    .optional(),
});
const secrets = z.array(rotating).min(1).max(2, 'at most two: the new one and the old one');

const kinds = z.array(z.enum(NOTICE_KINDS)).min(1);
const common = {
  /** Only requests that one of these groups may decide, and what becomes of them. */
  groups: z.array(line).min(1).max(200).optional(),
};
const private_addresses = z.boolean().default(false);

/** What is told where nothing is said about it: what asks somebody to act, and what became of it. */
const DECIDED = ['approved', 'denied', 'cancelled', 'timed-out'] as const;
const TO_APPROVERS = ['approval-needed', ...DECIDED, 'stuck', 'break-glass', 'review-open'] as const;
const TO_REQUESTER = ['approved', 'denied', 'timed-out', 'incident-closing'] as const;

const slackPerson = z.strictObject({
  team: slackId('T', 'the id of a workspace, such as T0123ABCD'),
  user: slackId('UW', 'the id of a user, such as U0123ABCD'),
  issuer: line,
  subject: line,
});

const slack = z
  .strictObject({
    ...common,
    type: z.literal('slack'),
    token: secret,
    channel: z.union([z.literal('requester'), slackId('CG', 'the id of a channel, such as C0123ABCD')], {
      error: 'the id of a channel, such as C0123ABCD, or requester',
    }),
    on: kinds.optional(),
    approve: z.enum(['page', 'buttons']).default('page'),
    signing_secrets: secrets.optional(),
    people: z
      .array(slackPerson)
      .max(5_000)
      .refine((list) => areDistinct(list.map(({ team, user }) => `${team} ${user}`)), 'a user stands there twice')
      .default([]),
    api: z.string().default('https://slack.com/api'),
    allow_private_addresses: private_addresses,
  })
  .superRefine(({ approve, channel, signing_secrets: signing, people, api, allow_private_addresses: lax }, context) => {
    const wrong = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    const problem = urlProblem(api, lax ? 'private' : 'public');
    if (problem !== null) wrong('api', problem);
    else if (/[?#]|\/$/.test(api)) wrong('api', 'a URL without query and final slash');
    if (channel === 'requester' && people.length === 0) wrong('people', 'who is who in Slack, for channel: requester');
    if (approve === 'page') return;
    if (channel === 'requester') wrong('approve', 'page: nobody approves their own requests');
    if (signing === undefined)
      wrong('signing_secrets', 'needed for buttons, so that a click is known to be from Slack');
    if (people.length === 0) wrong('people', 'who is who in Slack, for buttons');
  })
  .transform(({ on, ...rest }) => ({
    ...rest,
    on: on ?? [...(rest.channel === 'requester' ? TO_REQUESTER : TO_APPROVERS)],
  }));

const teams = z.strictObject({
  ...common,
  type: z.literal('teams'),
  /** Its address is its only secret. */
  url: secret,
  on: kinds.default([...TO_APPROVERS]),
  allow_private_addresses: private_addresses,
});

const webhook = z
  .strictObject({
    ...common,
    type: z.literal('webhook'),
    url: z.string(),
    secrets,
    on: kinds.default([...NOTICE_KINDS]),
    allow_private_addresses: private_addresses,
  })
  .superRefine(({ url, allow_private_addresses: lax }, context) => {
    const problem = urlProblem(url, lax ? 'private' : 'public');
    if (problem !== null) context.addIssue({ code: 'custom', path: ['url'], message: problem });
  });

const addresses = z.array(address).min(1).max(100);
const email = z
  .strictObject({
    type: z.literal('email'),
    host: z.string().regex(/^[A-Za-z0-9.:-]{1,253}$/, 'the name or the IP address of a mail server'),
    port: z.int().min(1).max(65_535).default(587),
    /** `starttls`: asked for and insisted on. `implicit`: from the first byte, mostly on port 465. */
    tls: z.enum(['starttls', 'implicit', 'none']).default('starttls'),
    /** PEM of the authorities to trust instead of the usual ones; relative to the configuration file. */
    ca: path.optional(),
    user: line.optional(),
    password: secret.optional(),
    from: address,
    /** Told everything that is told by this notifier. */
    to: addresses.optional(),
    /** Approvers: the addresses of each group that may decide. */
    approvers: z.record(line, addresses).default({}),
    /** Requesters, for what became of their requests. */
    people: z
      .array(z.strictObject({ issuer: line, subject: line, address }))
      .max(5_000)
      .default([]),
    on: kinds.default([...TO_APPROVERS]),
  })
  .superRefine(({ host, tls, user, password, to, approvers, people }, context) => {
    const wrong = (field: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [field], message });
    const local = host === 'localhost' || (isIP(host) !== 0 && isLoopback(host));
    if (tls === 'none' && !local) wrong('tls', 'starttls or implicit: only this host itself is reached without');
    if ((user === undefined) !== (password === undefined)) wrong('user', 'user and password go together');
    if (to === undefined && Object.keys(approvers).length === 0 && people.length === 0) {
      wrong('to', 'somebody to write to, here or in approvers or people');
    }
  });

/** One notifier, by type. Every secret is named by its file. */
export const notifySchema = z.discriminatedUnion('type', [slack, teams, webhook, email]);

export type NotifyConfig = z.infer<typeof notifySchema>;

/** Fields that a slip of the pen may have meant. */
export const NOTIFY_FIELDS =
  'notify type on groups token channel approve signing_secrets people secrets until url host port user password from to approvers allow_private_addresses file'.split(
    ' ',
  );

function areDistinct(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}
