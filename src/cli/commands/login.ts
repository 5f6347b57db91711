/**
 * `jit login`: a session at a shared broker, for a person or for a workload.
 * @module
 */
import { brokerName, namedIn } from '../../client/ref.ts';
import { display } from '../../core/display.ts';
import { atBroker, JitError, withBroker } from '../../core/errors.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { SharedBroker } from '../../identity/session/record.ts';
import { isOfTheKeychain } from '../../identity/session/words.ts';
import type { Session, Vouched } from '../../identity/session/session.ts';
import type { WorkloadPort } from '../../identity/session/workload.ts';
import { WORKLOADS } from '../../identity/workload/source.ts';
import type { ProviderView, SessionView } from '../../wire/sessions.ts';
import { reportSession } from '../account/report.ts';
import { addBroker, isNamed, sharedBrokerOf } from '../account/target.ts';
import { askChoice } from '../ask.ts';
import { command, type Input, single, usage } from '../command.ts';
import type { Context } from '../context.ts';
import type { Account, Identity } from '../identity.ts';
import type { Format } from '../output.ts';
import { withProgress } from '../progress.ts';

export interface LoginOptions {
  readonly broker: string | null;
  readonly name: string | null;
  readonly flow: 'browser' | 'device';
  readonly provider: string | null;
  /** The source of a workload's identity. */
  readonly workload: string | null;
  /** The source of the identity of an agent that is to act for the person. */
  readonly agent: string | null;
  readonly when: 'needed' | 'always';
  readonly format: Format;
}

export const login = command<LoginOptions>({
  name: 'login',
  group: 'identity',
  summary: 'sign in to a shared broker',
  positionals: [
    {
      name: 'broker',
      about: 'its name or address; the one in use if left out',
      takes: 'at most one',
      offers: 'brokers',
    },
  ],
  flags: [
    { name: 'name', value: 'name', about: 'what to call a broker that is not in the settings yet' },
    { name: 'device', about: 'with a code on another device, where this one has no browser' },
    { name: 'provider', value: 'name', about: 'the identity provider, where the broker has several' },
    { name: 'as', value: 'source', about: 'as a workload, by what vouches for it here', offers: WORKLOADS },
    {
      name: 'agent',
      value: 'source',
      about: 'so that the agent here acts for you: what vouches for it',
      offers: WORKLOADS,
    },
    { name: 'force', about: 'anew, although you are signed in' },
  ],
  examples: [
    { about: 'the first time', line: 'jit login https://jit.example.com --name work' },
    { about: 'from then on', line: 'jit login work' },
    { about: 'over ssh, if the broker allows it', line: 'jit login work --device' },
    { about: 'in a pipeline; any command does it by itself', line: 'jit login work --as github' },
    { about: 'for an agent on this machine, which never gets more than you', line: 'jit login work --agent token' },
  ],
  notes: [
    'The session rests in the keychain of this machine, bound to a key that is made here;',
    "a workload's rests in the memory of jit's background process.",
    'Exit status: 4 when the broker or the identity provider says no, 8 when one is away.',
  ],
  parse: parseLogin,
  run: runLogin,
});

function parseLogin(input: Input): LoginOptions {
  const [broker = null, more] = input.words;
  if (more !== undefined) throw usage('one broker at a time', 'see: jit login --help');
  const { switches, format } = input;
  const [workload, provider, agent] = [single(input, 'as'), single(input, 'provider'), single(input, 'agent')];
  if (workload !== null && (switches.has('device') || provider !== null || agent !== null)) {
    throw usage('--as is for workloads, --device, --provider and --agent are for people', 'use one or the other');
  }
  return {
    broker,
    name: single(input, 'name'),
    flow: switches.has('device') ? 'device' : 'browser',
    provider,
    workload,
    agent,
    when: switches.has('force') ? 'always' : 'needed',
    format,
  };
}

async function runLogin(context: Context, options: LoginOptions): Promise<number> {
  const identity = await context.identity();
  const found = await sharedBrokerOf(context, options.broker);
  const isNew = options.broker !== null && !(await isNamed(context, found));
  const ref = isNew ? await added(context, identity, found, options) : found;
  if (options.name !== null && ref === found) {
    const hint = 'leave --name out, or change the settings: jit config';
    throw withBroker(usage('the broker has a name already', hint), namedIn(ref));
  }
  return await atBroker(namedIn(ref), () => signIn(context, identity, ref, options));
}

/** Whatever goes wrong from here on is about that broker, be it at the identity provider or in the keychain. */
async function signIn(context: Context, identity: Identity, ref: SharedBroker, options: LoginOptions): Promise<number> {
  const account = identity.account(ref);
  const source = await sourceOf(context, identity, options);
  const before = options.when === 'always' ? null : await liveSession(account, source, options);
  const session = before ?? (await opened(context, identity, account, options, source));
  if (options.format === 'human') {
    const name = brokerName(ref);
    await context.out.note(before === null ? `signed in to ${name}` : `you are already signed in to ${name}`);
    if (before !== null) await context.out.hint('sign in anew with --force');
  }
  const state = { signedIn: before === null ? 'now' : 'before' };
  await reportSession(context, { ref, session, source: source?.name ?? null }, options.format, state);
  return 0;
}

/** Only what answers like a broker gets a name. */
async function added(
  context: Context,
  identity: Identity,
  ref: SharedBroker,
  { name, format }: LoginOptions,
): Promise<SharedBroker> {
  await identity.account(ref).client.signIn();
  return await addBroker(context, ref, name, format);
}

/** What vouches: as asked for; off a terminal also what this machine has, as for any other command. Null for a person. */
async function sourceOf(
  { terminal }: Context,
  identity: Identity,
  { workload, flow, provider, agent }: LoginOptions,
): Promise<WorkloadPort | null> {
  if (workload !== null) return await identity.workload(workload);
  if (terminal.interactive || flow === 'device' || provider !== null || agent !== null) return null;
  return await identity.workload(null);
}

/** The session of the same kind that there is, if the broker still takes it. */
async function liveSession(
  { client, session }: Account,
  source: WorkloadPort | null,
  { provider, agent }: LoginOptions,
): Promise<SessionView | null> {
  try {
    const vouching = (await session.kept())?.record.vouching;
    const same = vouching?.by === 'workload' ? vouching.source === source?.name : source === null;
    if (vouching === undefined || !same) return null;
    const view = await client.session();
    const sameActor = source !== null || (agent !== null) === (view.principal.actsFor !== undefined);
    if (!sameActor || (provider !== null && provider !== view.provider)) return null;
    // Whoever was sent here because the provider vouches no more would otherwise be told that all is well.
    return vouching.by === 'person' && vouching.refreshToken !== null ? await confirmedView(session, view) : view;
  } catch (thrown) {
    if (!(thrown instanceof JitError)) throw thrown;
    // A workload needs no keychain.
    if (thrown.code === 'ERR_NOT_SIGNED_IN' || (isOfTheKeychain(thrown) && source !== null)) return null;
    throw thrown;
  }
}

/** As it is now; as it was where the provider cannot be asked. */
async function confirmedView(session: Session, before: SessionView): Promise<SessionView> {
  try {
    return await session.confirm();
  } catch (thrown) {
    if (thrown instanceof JitError && thrown.code === 'ERR_IDENTITY_PROVIDER') return before;
    throw thrown;
  }
}

async function opened(
  context: Context,
  identity: Identity,
  account: Account,
  options: LoginOptions,
  source: WorkloadPort | null,
): Promise<SessionView> {
  if (source === null) return await asPerson(context, identity, account, options);
  return (await account.session.enter([source])).record.session;
}

async function asPerson(
  context: Context,
  identity: Identity,
  { ref, parts, session, client }: Account,
  options: LoginOptions,
): Promise<SessionView> {
  const { signInAsPerson } = await import('../../identity/session/person.ts');
  const provider = await providerOf(context, ref, (await client.signIn()).providers, options);
  const { flow } = options;
  const what = `waiting for you to sign in at ${display(provider.name, 100)}`;
  const waiting = { what, broker: namedIn(ref), until: null };
  const agent = options.agent === null ? null : await identity.workload(options.agent);
  const bring = (thumbprint: string): Promise<Vouched> =>
    withProgress(context, waiting, () => identity.bring({ ref, provider, flow, thumbprint }));
  const record = await signInAsPerson(parts, session, provider, bring, agent);
  return record.session;
}

/** Throws `ERR_CONFIG` where people cannot sign in, `ERR_USAGE`, `ERR_MISSING_INPUT`. */
async function providerOf(
  context: Context,
  ref: SharedBroker,
  all: readonly ProviderView[],
  { provider: wanted, format }: LoginOptions,
): Promise<ProviderView> {
  const people = all.filter(({ client }) => client !== null);
  const names = people.map(({ name }) => name);
  const list = names.map((name) => display(name, 100)).join(', ');
  const [only, another] = people;
  if (only === undefined) {
    const message = 'the broker has no identity provider for people';
    throw new JitError({ code: 'ERR_CONFIG', message, hint: 'tell whoever runs it; workloads sign in with --as' });
  }
  if (wanted === null && another === undefined) return only;
  if (wanted === null && (!context.terminal.interactive || format === 'json')) {
    throw new JitError({
      code: 'ERR_MISSING_INPUT',
      message: `the broker has several identity providers: ${list}`,
      hint: `add: --provider ${display(only.name, 100)}`,
    });
  }
  const name = wanted ?? (await askChoice(context, `who knows you at ${brokerName(ref)}?`, names));
  const found = people.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw usage(
    `the broker has no identity provider ${display(name, 100)} for people`,
    didYouMean(name, names) ?? `one of: ${list}`,
  );
}
