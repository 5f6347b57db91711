/**
 * `jit logout`: the session ended at the broker and at the identity provider, and gone from this machine.
 * @module
 */
import { brokerName } from '../../client/ref.ts';
import { asJitError, JitError, worded } from '../../core/errors.ts';
import type { Ended } from '../../identity/session/person.ts';
import type { SharedBroker } from '../../identity/session/record.ts';
import { sharedBrokerOf } from '../account/target.ts';
import { command, type Input, usage } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { namedBroker, readSettings } from '../settings.ts';
import { bothTimes } from '../time.ts';

export interface LogoutOptions {
  readonly what: { readonly kind: 'one'; readonly broker: string | null } | { readonly kind: 'all' };
  readonly format: Format;
}

export const logout = command<LogoutOptions>({
  name: 'logout',
  group: 'identity',
  summary: 'sign out of a shared broker',
  positionals: [
    {
      name: 'broker',
      about: 'its name or address; the one in use if left out',
      takes: 'at most one',
      offers: 'brokers',
    },
  ],
  flags: [{ name: 'all', about: 'every broker in the settings' }],
  examples: [
    { about: 'from the broker in use', line: 'jit logout' },
    { about: 'before handing over the machine', line: 'jit wipe --revoke && jit logout --all' },
  ],
  notes: [
    'Live grants go on until their end; to end them too, run jit revoke --all before.',
    'Exit status: 8 when the broker could not be told; here the session is gone anyway.',
  ],
  parse: parseLogout,
  run: async (context, { what, format }) => {
    const refs = what.kind === 'all' ? await everyBroker(context) : [await sharedBrokerOf(context, what.broker)];
    const results: Result[] = [];
    for (const ref of refs) results.push(await leave(context, ref));
    const exit = results.find((each) => each.exit !== 0)?.exit ?? 0;
    if (format === 'json') {
      const brokers = results.map(({ ref, sessions, problem }) => ({
        broker: { name: ref.name, url: ref.url.href },
        sessions: sessions.map(documentOf),
        ...(problem === null ? {} : { problem: { code: problem.code, message: problem.message } }),
      }));
      context.out.document('logout', { brokers, exit });
      return exit;
    }
    if (results.length === 0) await context.out.note('there is no shared broker in the settings');
    for (const result of results) await say(context, result);
    return exit;
  },
});

function parseLogout({ words, switches, format }: Input): LogoutOptions {
  const [broker = null, more] = words;
  if (more !== undefined) throw usage('one broker at a time, or --all', 'see: jit logout --help');
  if (!switches.has('all')) return { what: { kind: 'one', broker }, format };
  if (broker !== null) throw usage('a broker and --all do not go together');
  return { what: { kind: 'all' }, format };
}

interface Result {
  readonly ref: SharedBroker;
  readonly sessions: readonly Ended[];
  /** Why a store could not be looked into. */
  readonly problem: JitError | null;
  readonly exit: number;
}

/** Those with a name, and the one in use. */
async function everyBroker(context: Context): Promise<readonly SharedBroker[]> {
  const paths = context.paths();
  const { brokers } = await readSettings(paths);
  const named = await Promise.all([...brokers.keys()].map((name) => namedBroker(name, paths)));
  const refs = [...named, await context.brokerRef()].filter((ref) => ref.kind === 'url');
  return [...new Map(refs.map((ref) => [ref.url.href, ref])).values()];
}

/** One broker's trouble does not keep anybody signed in to another. */
async function leave(context: Context, ref: SharedBroker): Promise<Result> {
  const identity = await context.identity();
  const { signOut } = await import('../../identity/session/person.ts');
  const { parts, session } = identity.account(ref);
  try {
    const { ended, trouble } = await signOut(parts, session, identity.revokeIdp(ref));
    const untold = ended.flatMap(({ broker }) => (broker instanceof JitError ? [broker.facts.exit] : []));
    return { ref, sessions: ended, problem: trouble, exit: untold[0] ?? 0 };
  } catch (thrown) {
    const problem = asJitError(thrown);
    if (problem.code === 'ERR_UNEXPECTED') throw thrown;
    return { ref, sessions: [], problem, exit: problem.facts.exit };
  }
}

function documentOf({ record, broker, provider }: Ended): Readonly<Record<string, unknown>> {
  return {
    id: record?.session.id ?? null,
    principal: record?.session.principal ?? null,
    broker: broker instanceof JitError ? 'not told' : broker,
    provider: provider.kind,
  };
}

async function say({ out, now }: Context, { ref, sessions, problem }: Result): Promise<void> {
  const name = brokerName(ref);
  const told = (message: string): Promise<void> => out.note(worded({ broker: name, message }));
  for (const { record, broker, provider } of sessions) {
    const who = record === null ? '' : ` (${record.session.principal.name})`;
    if (broker instanceof JitError) {
      await out.print([`signed out of ${name}${who} on this machine`]);
      const end =
        record === null ? '' : `; it ends by itself ${bothTimes(Date.parse(record.session.expiresAt), now())}`;
      await told(`could not be told that the session is over: ${broker.message}${end}`);
    } else {
      await out.print([`signed out of ${name}${who}${broker === 'was over' ? '; the session was over already' : ''}`]);
    }
    if (provider.kind === 'failed') await told(`its refresh token lives on: ${provider.why.message}`);
    if (provider.kind === 'not offered')
      await told('the identity provider takes no token back: its refresh token lives on until it ends by itself');
  }
  if (sessions.length === 0 && problem === null) await out.print([`nobody is signed in to ${name}`]);
  if (problem === null) return;
  await told(problem.message);
  if (problem.hint !== undefined) await out.hint(problem.hint);
}
