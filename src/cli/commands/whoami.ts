/**
 * `jit whoami`: who one is at a broker, by what the broker says.
 * @module
 */
import { userInfo } from 'node:os';
import { namedIn } from '../../client/ref.ts';
import { atBroker } from '../../core/errors.ts';
import { reportSession } from '../account/report.ts';
import { brokerOf } from '../account/target.ts';
import { command, type Input, usage } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { fact, record } from '../table.ts';

export interface WhoamiOptions {
  readonly broker: string | null;
  readonly format: Format;
}

export const whoami = command<WhoamiOptions>({
  name: 'whoami',
  group: 'identity',
  summary: 'show who you are at a broker, and until when',
  positionals: [
    {
      name: 'broker',
      about: 'its name or address; the one in use if left out',
      takes: 'at most one',
      offers: 'brokers',
    },
  ],
  flags: [],
  examples: [
    { about: 'at the broker in use', line: 'jit whoami' },
    {
      about: 'the groups that a broker knows of, for a script',
      line: "jit whoami work --json | jq '.principal.groups'",
    },
  ],
  notes: ['Exit status: 4 when you are not signed in there.'],
  parse: parseWhoami,
  run: async (context, { broker, format }) => {
    const ref = await brokerOf(context, broker);
    if (ref.kind === 'embedded') return await osUser(context, format);
    const { client, session } = (await context.identity()).account(ref);
    const view = await client.session();
    const vouching = (await atBroker(namedIn(ref), () => session.kept()))?.record.vouching;
    const source = vouching?.by === 'workload' ? vouching.source : null;
    await reportSession(context, { ref, session: view, source }, format);
    return 0;
  },
});

function parseWhoami({ words, format }: Input): WhoamiOptions {
  const [broker = null, more] = words;
  if (more !== undefined) throw usage('one broker at a time', 'see: jit whoami --help');
  return { broker, format };
}

/** The embedded broker takes whoever owns its socket, so there is nobody to ask. */
async function osUser({ out, env }: Context, format: Format): Promise<number> {
  const { uid, username } = userInfo();
  const name = env['USER'] ?? username;
  if (format === 'json') {
    const principal = { kind: 'user', issuer: 'os', subject: String(uid), name, groups: [] };
    const nothing = { id: null, provider: null, source: null, expiresAt: null, verifiedAt: null };
    out.document('session', { broker: { name: 'embedded', url: null }, principal, ...nothing });
    return 0;
  }
  const facts = [
    fact('broker', 'embedded'),
    fact('identity', `${name} (user ${uid} of this machine)`, 'strong'),
    fact('until', 'always: the embedded broker knows you by its socket'),
  ];
  await out.print(record(facts, out.width));
  return 0;
}
