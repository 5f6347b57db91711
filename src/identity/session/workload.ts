/**
 * A workload signs in by itself: with what it finds on its machine, before its first call.
 * @module
 */
import { namedIn } from '../../client/ref.ts';
import { display } from '../../core/display.ts';
import { asJitError, JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { AWS_CALLER, type SignInView, TOKEN_EXCHANGE } from '../../wire/sessions.ts';
import { makeProofKey } from '../dpop/proof.ts';
import { coveredBody } from '../verify/covered.ts';
import type { Assertion, Binding } from '../verify/verified.ts';
import type { Link, LinkParts } from './link.ts';
import {
  type RecordStore,
  type SessionRecord,
  type SharedBroker,
  type Workload,
  withTokens,
  writeRecord,
} from './record.ts';
import { notSignedIn, notTaken } from './words.ts';

/** Something on this machine that vouches for a workload. */
export interface WorkloadPort {
  readonly name: string;
  /** What people call it. */
  readonly label: string;
  /** What of the environment it reads. */
  readonly env: Secret<Readonly<Record<string, string>>>;
  /** Throws `ERR_NOT_SIGNED_IN` with what is missing, `ERR_IDENTITY_PROVIDER`. */
  fetch(ask: ProofAsk): Promise<Assertion>;
}

export interface ProofAsk {
  /** Who the proof must be for, exactly. */
  readonly audience: string;
  /** Issuers of whom the broker takes any signed token. */
  readonly issuers: readonly string[];
  readonly binding: Binding;
}

export interface Workloads {
  /** What there is here, the most specific first. Looks at variables and files only. */
  detect(): Promise<readonly WorkloadPort[]>;
  /** What `detect` looks for, in words for a message; empty where a person is expected. */
  readonly lookedFor: readonly string[];
  /** The source that signed in, as it was then. */
  restore(vouching: Workload): WorkloadPort;
}

export interface WorkloadWorld extends LinkParts {
  readonly ref: SharedBroker;
  readonly memory: () => Promise<RecordStore>;
}

/** For the one kind of proof that covers it. */
const BODY = coveredBody({ grant_type: TOKEN_EXCHANGE, subject_token_type: AWS_CALLER }, 'subject');

/**
 * Opens a session with the first source that the broker takes, and stores it.
 * @param sources at least one. Throws `ERR_NOT_SIGNED_IN`, `ERR_IDENTITY_PROVIDER`, `ERR_BROKER_UNREACHABLE`.
 */
export async function signInAsWorkload(
  world: WorkloadWorld,
  link: Link,
  sources: readonly WorkloadPort[],
): Promise<{ readonly record: SessionRecord; readonly store: RecordStore }> {
  const { ref, now } = world;
  const store = await world.memory();
  const key = await makeProofKey();
  const view = await link.call(key, null, (client) => client.signIn());
  const source = sources.find(({ name }) => takes(view, name));
  if (source === undefined) {
    const labels = sources.map(({ label }) => `${label} (which this broker does not take)`);
    throw notSignedIn(ref, labels);
  }
  const about = aboutBroker(ref, view);
  const askedAt = now();
  const tokens = await link.call(key, null, async (client, nonce) => {
    const binding = { keyThumbprint: key.thumbprint, nonce, body: BODY };
    const { token, type } = await source.fetch({ ...about, binding });
    const body = { grant_type: TOKEN_EXCHANGE, subject_token: token.expose(), subject_token_type: type } as const;
    return client.exchange(body).catch((thrown: unknown) => {
      const error = asJitError(thrown);
      throw error.code === 'ERR_NOT_SIGNED_IN' ? notTaken(ref, source.label, error) : thrown;
    });
  });
  const vouching = { by: 'workload', source: source.name, env: source.env } as const;
  const record = withTokens({ key, vouching }, tokens, askedAt);
  await writeRecord(store, ref, record);
  return { record, store };
}

/** Whether some provider of the broker may take what this source gives. */
function takes({ providers }: SignInView, source: string): boolean {
  return providers.some(({ type }) => type === source || type === 'jwt' || (source === 'token' && type !== 'oidc'));
}

/** What a source must know of the broker. Throws `ERR_NOT_SIGNED_IN`. */
export function aboutBroker(ref: SharedBroker, view: SignInView): Omit<ProofAsk, 'binding'> {
  const issuers = view.providers.filter(({ type }) => type === 'jwt').map(({ issuer }) => issuer);
  return { audience: audienceOf(ref, view), issuers };
}

/**
 * The audience that the broker names, if it is its own. A proof for another audience would be good elsewhere, and whoever runs
 * this broker could use it there. Throws `ERR_NOT_SIGNED_IN`.
 */
function audienceOf(ref: SharedBroker, { audience }: SignInView): string {
  const named = URL.parse(audience);
  if (named !== null && `${named.origin}${named.pathname.replace(/\/*$/, '/')}` === ref.url.href) return audience;
  throw new JitError({
    code: 'ERR_NOT_SIGNED_IN',
    message: `the broker at ${display(ref.url.href, 200)} calls itself ${display(audience, 200)}: no proof of identity is made for another address`,
    hint: 'use the address by which the broker calls itself, if it is the one you mean: jit config set brokers.NAME.url',
    broker: namedIn(ref),
  });
}
