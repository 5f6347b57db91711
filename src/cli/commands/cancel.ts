/**
 * `jit cancel`: take a request back before it has become a grant.
 * @module
 */
import type { RequestId } from '../../core/ids.ts';
import { reportVote } from '../access/vote.ts';
import { command } from '../command.ts';
import { readRequestId, REQUEST_ID } from '../ids.ts';
import type { Format } from '../output.ts';
import { siteOf } from '../site.ts';

export interface CancelOptions {
  readonly id: RequestId;
  readonly format: Format;
}

export const cancel = command<CancelOptions>({
  name: 'cancel',
  group: 'everyday',
  summary: 'take back a request of yours that has not become a grant',
  positionals: [REQUEST_ID],
  flags: [],
  examples: [{ about: 'not needed any more', line: 'jit cancel req_01hv3k9x7m2q5w8e4r6t0yabcd' }],
  notes: ['What has become a grant is ended with: jit revoke ID'],
  parse: (input) => ({ id: readRequestId(input), format: input.format }),
  run: async (context, { id, format }) => {
    const { client } = await context.broker();
    return await reportVote(context, await client.cancel(id), await siteOf(context), format);
  },
});
