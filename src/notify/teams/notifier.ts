/**
 * Tells a channel of Microsoft Teams, through a webhook of its Workflows. It only ever links to the broker's own pages.
 * @module
 */
import type { Notifier } from '../../core/notice.ts';
import type { Clock } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import type { Reach } from '../../outbound/address.ts';
import type { Call } from '../../outbound/call.ts';
import { verdictOf } from '../verdict.ts';
import { teamsMessage } from './card.ts';

export interface TeamsSettings {
  readonly name: string;
  readonly url: Secret<string>;
  readonly reach: Reach;
}

export function teamsNotifier(
  { name, url, reach }: TeamsSettings,
  { post, now }: { readonly post: Call; readonly now: Clock },
): Notifier {
  return {
    name,
    deliver: async (notice, _earlier, signal) => {
      const body = JSON.stringify(teamsMessage(notice));
      return verdictOf(await post({ method: 'POST', url, reach, headers: {}, body }, signal), now());
    },
  };
}
