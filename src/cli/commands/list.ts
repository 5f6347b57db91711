/**
 * `jit list`: one's own requests and grants, newest first.
 * @module
 */
import { worded } from '../../core/errors.ts';
import type { Outcome } from '../../wire/views.ts';
import { boundWords, endOf, targetWords } from '../access/words.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import { standing } from '../ids.ts';
import type { Format } from '../output.ts';
import { type Site, siteOf } from '../site.ts';
import { type Cell, type Column, table } from '../table.ts';
import { type Tone, toned } from '../text.ts';
import { bothTimes, relative } from '../time.ts';

export interface ListOptions {
  readonly scope: 'live' | 'all';
  readonly format: Format;
}

export const list = command<ListOptions>({
  name: 'list',
  group: 'everyday',
  summary: 'list your live grants at the broker, newest first',
  positionals: [],
  flags: [{ name: 'all', about: 'also what is over, denied or pending' }],
  examples: [
    { about: 'what is live, on any machine', line: 'jit list' },
    {
      about: 'ids of everything that was denied',
      line: 'jit list --all --json | jq -r \'.items[].request | select(.state=="denied").id\'',
    },
  ],
  parse: ({ switches, format }) => ({ scope: switches.has('all') ? 'all' : 'live', format }),
  run: async (context, { scope, format }) => {
    const { client } = await context.broker();
    const site = await siteOf(context);
    const page = { limit: MOST };
    const { items } = await (scope === 'live' ? client.grants({ ...page, live: true }) : client.requests(page));
    if (format === 'json') context.out.document('list', { items, broker: site.name });
    else if (items.length === 0) {
      const message = scope === 'live' ? 'no live grants' : 'nothing to list';
      await context.out.note(worded({ broker: site.broker, message }));
    } else await print(context, items, site);
    return 0;
  },
});

const MOST = 100;

const COLUMNS: readonly Column[] = [
  { title: 'ID', cut: 'never' },
  { title: 'STATE', cut: 'never' },
  { title: 'WHEN', cut: 'never' },
  { title: 'ACCESS', cut: 'may' },
  { title: 'TARGET', cut: 'may' },
  { title: 'REASON', cut: 'may' },
];

async function print({ out, now }: Context, items: readonly Outcome[], { broker }: Site): Promise<void> {
  const rows = items.map((item) => row(item, now()));
  if (broker === undefined) {
    await out.print(table(COLUMNS, rows, out.width));
    return;
  }
  const named = rows.map((cells) => [...cells, toned('plain', broker)]);
  await out.print(table([...COLUMNS, { title: 'BROKER', cut: 'may' }], named, out.width));
}

function row(outcome: Outcome, now: number): readonly Cell[] {
  const { request, grant } = outcome;
  const state = standing(outcome);
  return [
    toned('strong', grant?.id ?? request.id),
    toned(TONES.get(state) ?? 'plain', state),
    toned('plain', when(outcome, now)),
    toned('plain', boundWords(request)),
    toned('plain', grant === null ? '-' : targetWords(grant.legs)),
    toned('dim', request.reason),
  ];
}

const TONES: ReadonlyMap<string, Tone> = new Map([
  ['active', 'good'],
  ['issuing', 'warn'],
  ['pending', 'warn'],
  ['revoking', 'warn'],
  ['stuck', 'bad'],
  ['denied', 'bad'],
  ['failed', 'bad'],
]);

/** When it ends if it is live, else when it ended or was asked for. */
function when({ request, grant }: Outcome, now: number): string {
  if (grant?.state === 'active') {
    const end = endOf(grant);
    if (end !== null) return bothTimes(end, now);
  }
  const over = grant?.closedAt ?? grant?.endedAt ?? null;
  return relative(Date.parse(over ?? request.createdAt), now);
}
