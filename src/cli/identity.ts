/**
 * Who one is, as the commands use it: sessions at brokers, and the ways to prove an identity. Only `world` makes it.
 * @module
 */
import { hostname, userInfo } from 'node:os';
import { type BrokerClient, openClient } from '../client/client.ts';
import { brokerName, brokerWord } from '../client/ref.ts';
import { JitError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { type Here, revokeIdpAt, sessionPartsAt } from '../identity/session/here.ts';
import type { RevokeIdp } from '../identity/session/person.ts';
import type { SharedBroker } from '../identity/session/record.ts';
import { openSession, type Session, type SessionParts, type Vouched } from '../identity/session/session.ts';
import { namedWorkload, workloadsHere } from '../identity/session/sources.ts';
import type { WorkloadPort } from '../identity/session/workload.ts';
import { keeperSecrets, type KeeperSecrets } from '../keeper/vault.ts';
import type { ProviderView } from '../wire/sessions.ts';
import { askSecret } from './ask.ts';
import type { Context } from './context.ts';
import { bothTimes } from './time.ts';

/** What there is of this user at one broker. */
export interface Account {
  readonly ref: SharedBroker;
  readonly parts: SessionParts;
  readonly session: Session;
  /** Its calls prove the session, and end with the command. */
  readonly client: BrokerClient;
}

/** A sign-in of a person that is about to begin. */
export interface SignInPlan {
  readonly ref: SharedBroker;
  readonly provider: ProviderView;
  readonly flow: 'browser' | 'device';
  /** Of the key that the session will belong to. */
  readonly thumbprint: string;
}

export interface Identity {
  /** The same one for a broker each time. Contacts nobody, and reads nothing yet. */
  account(ref: SharedBroker): Account;
  /** Brings the person to the identity provider and back. Throws `ERR_NOT_SIGNED_IN`, `ERR_DENIED`, `ERR_IDENTITY_PROVIDER`. */
  bring(plan: SignInPlan): Promise<Vouched>;
  /** @param name null for what this machine has; else the source of that name. Throws `ERR_USAGE` for one that there is not. */
  workload(name: string | null): Promise<WorkloadPort | null>;
  readonly revokeIdp: (ref: SharedBroker) => RevokeIdp;
  close(): void;
}

/** @param keeper how to reach or start the keeper. */
export function openIdentity(
  context: Context,
  userAgent: string,
  choice: Here['choice'],
  keeper: () => Promise<Omit<KeeperSecrets, 'until'>>,
): Identity {
  const { env, platform, now, random, out, signal, terminal } = context;
  const accounts = new Map<string, Account>();
  const here: Here = {
    env,
    platform,
    paths: context.paths(),
    now,
    random,
    userAgent,
    choice,
    memory: async () => {
      const options = await keeper();
      const store = keeperSecrets({ ...options, until: now });
      return {
        ...store,
        set: (name, secret, until) => keeperSecrets({ ...options, until: () => until }).set(name, secret),
      };
    },
    note: (line) => void out.note(line),
    ask: terminal.interactive ? (use) => passphrase(context, use) : null,
  };
  return {
    account: (ref) => {
      const known = accounts.get(ref.url.href);
      if (known !== undefined) return known;
      const parts = sessionPartsAt(here, ref);
      const session = openSession(parts);
      const client = openClient(ref, { userAgent, signal, authorizer: session });
      const account = { ref, parts, session, client };
      accounts.set(ref.url.href, account);
      return account;
    },
    bring: (plan) => bring(context, plan),
    workload: async (name) => {
      const parts = { env, platform, now, random };
      if (name !== null) return await namedWorkload(parts, name);
      return (await workloadsHere(parts).detect())[0] ?? null;
    },
    revokeIdp: (ref) => revokeIdpAt(ref, signal),
    close: () => {
      for (const { client } of accounts.values()) client.close();
    },
  };
}

async function bring(context: Context, { ref, provider, flow, thumbprint }: SignInPlan): Promise<Vouched> {
  const { env, platform, now, out, signal } = context;
  const about = { provider, broker: brokerWord(ref), signal };
  if (flow === 'browser') {
    const [{ signInByBrowser }, { openBrowser }] = await Promise.all([
      import('../identity/sign-in/code-flow.ts'),
      import('../identity/sign-in/browser.ts'),
    ]);
    return await signInByBrowser({
      ...about,
      nonce: thumbprint,
      open: (url) => openBrowser(url, { env, platform }),
      show: (url, browser) => {
        const where = browser === 'opened' ? 'sign in in the browser, or open' : 'open in a browser on this machine';
        void out.note(`to sign in to ${brokerName(ref)}, ${where}:`).then(() => out.note(url.href));
      },
    });
  }
  const { signInByDevice } = await import('../identity/sign-in/device-flow.ts');
  return await signInByDevice({
    ...about,
    now,
    startedFrom: { host: hostname(), user: userInfo().username },
    show: ({ userCode, verificationUri, expiresAt, startedFrom }) => {
      const lines = [
        `to sign in to ${brokerName(ref)}, open in any browser: ${verificationUri.href}`,
        `and type the code: ${userCode}`,
        `started by ${startedFrom.user} on ${startedFrom.host}: type no code that somebody else sent you`,
        `the code ends ${bothTimes(expiresAt, now())}`,
      ];
      void lines.reduce((said, line) => said.then(() => out.note(line)), Promise.resolve());
    },
  });
}

/** For the encrypted file of secrets; asked twice when the file is made. */
async function passphrase(context: Context, use: 'new' | 'known'): Promise<Secret<string>> {
  if (use === 'known') return await askSecret(context, 'passphrase of the file of secrets?');
  const [first, second] = [
    await askSecret(context, 'a new passphrase for the file of secrets?'),
    await askSecret(context, 'the same again?'),
  ];
  if (first.expose() === second.expose()) return first;
  throw new JitError({ code: 'ERR_KEYCHAIN', message: 'the two passphrases differ', hint: 'try again' });
}
