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

/** A request that anybody may decide who may approve at all is told everywhere. */
export function addressed(notice: Notice, routes: readonly NoticeRoute[]): AddressedNotice {
  const asked = notice.request.quorum.map(({ group }) => group);
  const concerns = ({ groups }: NoticeRoute): boolean =>
    groups === null || asked.some((group) => group === null || groups.has(group));
  const told = routes.filter((route) => route.on.has(notice.kind) && concerns(route));
  return { notice, notifiers: told.map(({ name }) => name) };
}
