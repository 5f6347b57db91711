/**
 * `jit inbox`: what waits for one's vote.
 * @module
 */
import { formatDuration } from '../../core/duration.ts';
import { worded } from '../../core/errors.ts';
import type { Outcome } from '../../wire/views.ts';
import { boundWords } from '../access/words.ts';
import { command } from '../command.ts';
import type { Format } from '../output.ts';
import { siteOf } from '../site.ts';
import { type Cell, type Column, table } from '../table.ts';
import { toned } from '../text.ts';
import { roughly } from '../time.ts';

export interface InboxOptions {
  readonly format: Format;
}

const MOST = 100;

export const inbox = command<InboxOptions>({
  name: 'inbox',
  group: 'approvals',
  summary: 'list the requests that wait for your vote',
  positionals: [],
  flags: [],
  examples: [
    { about: 'what waits for me', line: 'jit inbox' },
    { about: 'how many', line: "jit inbox --json | jq '.items | length'" },
  ],
  parse: ({ format }) => ({ format }),
  run: async (context, { format }) => {
    const { client } = await context.broker();
    const site = await siteOf(context);
    const { items } = await client.inbox({ limit: MOST });
    const { out, now } = context;
    if (format === 'json') out.document('inbox', { items, broker: site.name });
    else if (items.length === 0)
      await out.note(worded({ broker: site.broker, message: 'nothing waits for your vote' }));
    else {
      await out.print(
        table(
          COLUMNS,
          items.map((item) => row(item, now())),
          out.width,
        ),
      );
      await out.hint(`look at one and decide: ${site.line(`jit approve ${items[0]?.request.id ?? 'ID'}`)}`);
    }
    return 0;
  },
});

const COLUMNS: readonly Column[] = [
  { title: 'ID', cut: 'never' },
  { title: 'WHO', cut: 'may' },
  { title: 'ACCESS', cut: 'may' },
  { title: 'TARGET', cut: 'may' },
  { title: 'FOR', cut: 'never' },
  { title: 'STILL', cut: 'never' },
  { title: 'REASON', cut: 'may' },
];

function row({ request }: Outcome, now: number): readonly Cell[] {
  const { requester, deadline } = request;
  const who = requester.actsFor === undefined ? requester.name : `${requester.name} for ${requester.actsFor.name}`;
  const targets = [...new Set(request.permissions.map(({ target }) => target))];
  return [
    toned('strong', request.id),
    toned('plain', who),
    toned('plain', boundWords(request)),
    toned('plain', targets.join(', ')),
    toned('plain', formatDuration(request.seconds)),
    toned('warn', deadline === null ? '-' : roughly(Math.max(0, Date.parse(deadline) - now))),
    toned('dim', request.reason),
  ];
}
