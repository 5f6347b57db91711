/**
 * What is told of a change of state, made in time to be stored with it.
 * @module
 */
import { asksPeople, counted } from '../../core/approval.ts';
import { ACCESS_LEVELS, type AccessLevel } from '../../core/access.ts';
import type { Grant } from '../../core/grant.ts';
import type { NoticeKind, NoticedRequest } from '../../core/notice.ts';
import type { Target } from '../../core/ports.ts';
import { type Question, RISKS } from '../../policy/question.ts';
import { composeNotice, type Told } from '../notices/compose.ts';
import { addressed, type NoticeRoute } from '../notices/route.ts';
import type { AddressedNotice } from '../store/notices.ts';
import type { StoredRequest } from '../store/store.ts';

export interface Teller {
  /** Whether anybody is told of such a thing: if not, nothing needs to be looked up for it. */
  wants(kind: NoticeKind): boolean;
  /** To be stored with the change that it is about. */
  compose(told: Omit<Told, 'url'>): readonly AddressedNotice[];
  /** Some have been stored. */
  stored(): void;
}

/** Where there is nobody to tell. */
export const SILENT: Teller = { wants: () => false, compose: () => [], stored: () => undefined };

export function makeTeller(parts: {
  readonly routes: readonly NoticeRoute[];
  readonly targets: ReadonlyMap<string, Target>;
  /** The broker's public address. */
  readonly address: string;
  readonly wake: () => void;
}): Teller {
  const { routes, targets, address, wake } = parts;
  const kinds = new Set(routes.flatMap(({ on }) => [...on]));
  return {
    wants: (kind) => kinds.has(kind),
    compose: (told) => {
      if (!kinds.has(told.kind)) return [];
      const notice = composeNotice({ ...told, url: `${address}/web/requests/${told.request.id}` }, targets);
      const sent = addressed(notice, routes);
      return sent.notifiers.length === 0 ? [] : [sent];
    },
    stored: wake,
  };
}

/** How heavy a request is: the highest risk and access of its parts. */
export function weightOf(questions: readonly Question[]): {
  readonly risk: NoticedRequest['risk'];
  readonly access: AccessLevel | null;
} {
  const risk = RISKS.findLast((level) => questions.some(({ operation }) => operation.risk === level));
  const access = ACCESS_LEVELS.findLast((level) => questions.some(({ assessment }) => assessment.access === level));
  return { risk: risk ?? null, access: access ?? null };
}

/**
 * What a step of a request that people decide is to those who are told; null for what is only a step on the way. Under another
 * policy approval is needed anew: what was told before would lead to votes that do not count.
 */
export function noticeKindOf(before: StoredRequest | null, after: StoredRequest): NoticeKind | null {
  const { state, policy } = after.decision;
  if (state === 'pending') {
    if (!asksPeople(after.decision)) return null;
    if (before?.decision.state === state && before.decision.policy === policy) return null;
    return after.request.incident === null ? 'approval-needed' : 'break-glass';
  }
  // Whoever has been asked is told the end of it, also where policy would not ask them any more.
  if (!asksPeople(after.decision) && (before === null || !asksPeople(before.decision))) return null;
  return before?.decision.state === state ? null : state;
}

/** Names of those by whom it came to the present decision. */
export function decidedBy({ decision, votes }: StoredRequest): readonly string[] {
  if (decision.state === 'approved') return counted({ decision, votes }).map(({ voter }) => voter.name);
  const last = votes.at(-1);
  return decision.state === 'denied' && last?.choice === 'deny' ? [last.voter.name] : [];
}

/** What a change of a grant's state is to those who are told. `review-open` only where a review is open. */
export function grantNoticeKindsOf(before: Grant, after: Grant): readonly NoticeKind[] {
  if (before.state.name === after.state.name) return isCut(after) && !isCut(before) ? ['incident-closing'] : [];
  switch (after.state.name) {
    case 'active':
      return ['issued'];
    case 'closed':
      return ['ended', 'review-open'];
    case 'stuck':
      return ['stuck'];
    case 'issuing':
    case 'revoking':
      return [];
  }
}

function isCut({ state }: Grant): boolean {
  return state.name === 'active' && state.cut !== null;
}
