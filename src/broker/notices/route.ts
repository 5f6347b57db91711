/**
 * Which notifiers tell which notices.
 * @module
 */
import type { Notice, NoticeKind } from '../../core/notice.ts';
import type { AddressedNotice } from '../store/notices.ts';

export interface NoticeRoute {
  readonly name: string;
  readonly on: ReadonlySet<NoticeKind>;
  /** Of the quorum: only requests that one of these groups may decide. Null for every request. */
  readonly groups: ReadonlySet<string> | null;
}

/**
 * A request that anybody may decide who may approve at all is told everywhere; and so is emergency access of which nobody would
 * hear otherwise.
 */
export function addressed(notice: Notice, routes: readonly NoticeRoute[]): AddressedNotice {
  const { approvers } = notice;
  const concerns = ({ groups }: NoticeRoute): boolean =>
    groups === null || approvers === null || approvers.some((group) => groups.has(group));
  const all = routes.filter((route) => route.on.has(notice.kind));
  const some = all.filter(concerns);
  const told = some.length === 0 && notice.kind === 'break-glass' ? all : some;
  return { notice, notifiers: told.map(({ name }) => name) };
}
