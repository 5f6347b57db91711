/**
 * What a notice says to people, before a medium gives it a form.
 * @module
 */
import { formatDuration } from '../core/duration.ts';
import type { Notice, NoticeKind, NoticedPermission, NoticedRequest } from '../core/notice.ts';
import type { Quorum } from '../core/request.ts';
import { foreign, isWhole } from './foreign.ts';

/** One fact. The value is one line that has been through `foreign`; the label is our own. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

export interface Words {
  /** Our own words only. */
  readonly headline: string;
  readonly facts: readonly Fact[];
  /** Whether everything that an approver decides on is there in full: what was left out cannot be agreed to. */
  readonly complete: boolean;
}

const HEADLINES: Readonly<Record<NoticeKind, string>> = {
  'break-glass': 'BREAK-GLASS: emergency access WITHOUT APPROVAL',
  'incident-closing': 'emergency access ends: its incident is over',
  'review-open': 'emergency access: a review is needed',
  'approval-needed': 'access request: approval needed',
  approved: 'access request: approved',
  denied: 'access request: denied',
  cancelled: 'access request: cancelled',
  'timed-out': 'access request: timed out',
  issued: 'access has been issued',
  ended: 'access has ended',
  stuck: 'access cannot be taken away: a revocation is stuck',
};

/** Where the source of the incident cannot be asked, and nothing has been given yet. */
const SEALED = 'BREAK-GLASS: emergency access WAITS FOR PEOPLE to confirm it';

const MOST_PERMISSIONS = 8;
const MOST_NAMES = 12;
const LONG = 600;
const NAME = 128;
/** Bytes of one value, escaped: keeps a message below what Slack (2,000 characters a field) and Teams (28 KB) take. */
const VALUE = 1_500;

export function wordsOf(notice: Notice): Words {
  const { kind, request } = notice;
  const shown = request.permissions.slice(0, MOST_PERMISSIONS);
  const hidden = request.permissions.length - shown.length;
  const facts: readonly Fact[] = [
    { label: 'who', value: requesterOf(request) },
    ...incidentOf(request),
    ...shown.map((permission) => ({ label: 'what', value: permissionOf(permission) })),
    ...(hidden > 0 ? [{ label: 'what', value: `and ${hidden} more: see the page` }] : []),
    { label: 'for', value: formatDuration(request.seconds) },
    { label: 'why', value: foreign(request.reason, LONG) },
    ...(request.ticket === null ? [] : [{ label: 'ticket', value: foreign(request.ticket, NAME) }]),
    ...(request.risk === null ? [] : [{ label: 'risk', value: riskOf(request) }]),
    ...(asksPeople(notice) ? asked(request) : []),
    ...(kind === 'approval-needed' ? [] : outcome(notice)),
    ...life(notice),
    { label: 'request', value: request.id },
    ...next(notice),
  ];
  const bounded = facts.map(({ label, value }) => ({ label, value: shortened(value) }));
  const complete = hidden === 0 && isComplete(request) && facts.every(({ value }, at) => value === bounded[at]?.value);
  return { headline: headlineOf(notice), facts: bounded, complete };
}

function shortened(value: string): string {
  let room = VALUE;
  const kept = Array.from(value).filter((character) => (room -= escapedLength(character)) >= 0);
  return room >= 0 ? value : `${kept.join('')}… see the page`;
}

/** Bytes of UTF-8, or of what stands for the character in markup and in JSON. */
function escapedLength(character: string): number {
  if (character === '&') return 5;
  if (character === '<' || character === '>') return 4;
  return character === '"' || character === '\\' ? 2 : Buffer.byteLength(character);
}

/** Whether it has to be seen at once, whatever else there is. */
export function isLoud({ kind }: Pick<Notice, 'kind'>): boolean {
  return kind === 'break-glass';
}

function headlineOf(notice: Notice): string {
  return notice.kind === 'break-glass' && asksPeople(notice) ? SEALED : HEADLINES[notice.kind];
}

function asksPeople({ kind, grant }: Notice): boolean {
  return kind === 'approval-needed' || (kind === 'break-glass' && grant === null);
}

/** One line about who asks for what, for a subject or a preview: at most about 150 characters. */
export function subjectOf(notice: Notice): string {
  const { request } = notice;
  const [first] = request.permissions;
  const what = first === undefined ? '' : ` for ${foreign(first.operation, 40)} in ${foreign(first.environment, 20)}`;
  return `${headlineOf(notice)}: ${foreign(request.requester.name, 40)}${what}`;
}

function requesterOf({ requester }: NoticedRequest): string {
  const { kind, name, actsFor } = requester;
  const itself = foreign(name, NAME);
  if (kind === 'user') return itself;
  return `${itself} (${kind}${actsFor === null ? '' : `, for ${foreign(actsFor.name, NAME)}`})`;
}

function incidentOf({ incident }: NoticedRequest): readonly Fact[] {
  if (incident === null) return [];
  return [{ label: 'incident', value: `${foreign(incident.reference, NAME)} (${foreign(incident.source, NAME)})` }];
}

/** What whoever reads it can do about it, beside opening its page. */
function next({ kind, request, grant }: Notice): readonly Fact[] {
  if (kind === 'review-open') return [{ label: 'review it', value: `on its page, or: jit review ${request.id}` }];
  if (kind !== 'break-glass' || grant === null) return [];
  return [{ label: 'end it', value: `on its page, or: jit revoke ${grant.id}` }];
}

function permissionOf({ target, environment, operation, actions, resources }: NoticedPermission): string {
  const named = actions.length === 1 && actions[0] === operation ? '' : ` (${names(actions)})`;
  const place = `${foreign(target, NAME)} (${foreign(environment, NAME)})`;
  return `${foreign(operation, NAME)}${named} at ${place} on ${names(resources)}`;
}

function names(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST_NAMES).map((text) => foreign(text));
  const hidden = texts.length - shown.length;
  return `${shown.join(', ')}${hidden > 0 ? ` and ${hidden} more: see the page` : ''}`;
}

function isComplete({ reason, permissions }: NoticedRequest): boolean {
  const allNames = (texts: readonly string[]): boolean =>
    texts.length <= MOST_NAMES && texts.every((text) => isWhole(text));
  return isWhole(reason, LONG) && permissions.every((each) => allNames(each.actions) && allNames(each.resources));
}

function riskOf({ risk, access }: NoticedRequest): string {
  return access === null
    ? `${risk}`
    : `${risk}, ${access === 'permissions' ? 'can hand out access' : `${access} access`}`;
}

function asked({ quorum, deadline }: NoticedRequest): readonly Fact[] {
  return [
    ...(quorum.length === 0 ? [] : [{ label: 'needs', value: quorum.map(votes).join(' and ') }]),
    ...(deadline === null ? [] : [{ label: 'decide by', value: time(deadline) }]),
  ];
}

function votes({ group, approvers }: Quorum): string {
  const people = group === null ? 'who may approve' : `of ${foreign(group, NAME)}`;
  return `${approvers} ${people}`;
}

function outcome({ by, why }: Notice): readonly Fact[] {
  return [
    ...(by.length === 0 ? [] : [{ label: 'by', value: by.map((name) => foreign(name, NAME)).join(', ') }]),
    ...(why === '' ? [] : [{ label: 'because', value: foreign(why, LONG) }]),
  ];
}

function life({ kind, grant }: Notice): readonly Fact[] {
  if (grant === null) return [];
  const { expiresAt, reason } = grant;
  return [
    ...(kind === 'issued' && expiresAt !== null ? [{ label: 'until', value: time(expiresAt) }] : []),
    ...(kind === 'incident-closing' && expiresAt !== null ? [{ label: 'ends', value: exactTime(expiresAt) }] : []),
    ...(reason === null ? [] : [{ label: 'ended', value: reason }]),
  ];
}

function time(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A warning is about seconds. */
function exactTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
