/**
 * What of a session rests between two commands, in a secret store: the key, the tokens, and how to have it confirmed.
 * @module
 */
import * as z from 'zod';
import type { BrokerRef } from '../../client/ref.ts';
import { JitError } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { type SessionView, sessionViewSchema, type TokenView } from '../../wire/sessions.ts';
import { type ProofKey, readProofKey } from '../dpop/proof.ts';
import type { SecretStore } from '../secrets/store.ts';
import { damaged } from './words.ts';

/** A broker that one signs in to. */
export type SharedBroker = Extract<BrokerRef, { kind: 'url' }>;

export type Person = Extract<Vouching, { by: 'person' }>;
export type Workload = Extract<Vouching, { by: 'workload' }>;

/** How the identity provider is asked to vouch again. */
export type Vouching =
  | {
      readonly by: 'person';
      readonly issuer: string;
      readonly clientId: string;
      /** Of the identity provider, and never sent to the broker; null where it gave none. */
      readonly refreshToken: Secret<string> | null;
    }
  | {
      readonly by: 'workload';
      /** Its source's name. */
      readonly source: string;
      /** The variables that the source reads: the process that asks next may have been started without them. */
      readonly env: Secret<Readonly<Record<string, string>>>;
    };

export interface SessionRecord {
  readonly key: ProofKey;
  readonly access: {
    readonly token: Secret<string>;
    /** Epoch ms, by this machine's clock. */
    readonly until: number;
  };
  /** Null where the session lives no longer than its token. */
  readonly refresh: Secret<string> | null;
  /**
   * `begun`: the refresh token has been sent and no answer to it been stored. Found by another process, it means that the
   * token may be used up.
   */
  readonly renewal: 'none' | 'begun';
  readonly session: SessionView;
  readonly vouching: Vouching;
}

const secret = z.string().min(1).max(16_384);
const coordinate = z.string().regex(/^[\w-]{43}$/);

const storedSchema = z.strictObject({
  v: z.literal(1),
  /** Whose tokens these are: whatever name a store gives it back under, they go nowhere else. */
  broker: z.string(),
  key: z.strictObject({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: coordinate,
    y: coordinate,
    d: coordinate,
  }),
  access: z.strictObject({ token: secret, until: z.number() }),
  refresh: secret.nullable(),
  renewal: z.enum(['none', 'begun']),
  session: sessionViewSchema,
  vouching: z.discriminatedUnion('by', [
    z.strictObject({
      by: z.literal('person'),
      issuer: z.string(),
      clientId: z.string(),
      refreshToken: secret.nullable(),
    }),
    z.strictObject({ by: z.literal('workload'), source: z.string(), env: z.record(z.string(), z.string()) }),
  ]),
});

type Stored = z.infer<typeof storedSchema>;

/** A store that may forget by itself what is worth nothing any more; one that does not is as good. */
export interface RecordStore extends Omit<SecretStore, 'set'> {
  /** @param until epoch ms. */
  set(name: string, secret: Secret<string>, until: number): Promise<void>;
}

/** What the record is called in a store. */
export function recordName(ref: SharedBroker): string {
  return `session ${ref.url.href}`;
}

/** @returns null where there is none. Throws `ERR_KEYCHAIN`: for a record that cannot be read, with the command that removes it. */
export async function readRecord(store: RecordStore, ref: SharedBroker): Promise<SessionRecord | null> {
  const text = await store.get(recordName(ref));
  if (text === null) return null;
  const stored = storedSchema.safeParse(parse(text));
  if (!stored.success || stored.data.broker !== ref.url.href) throw damaged(ref, store.label);
  try {
    return await unpacked(stored.data);
  } catch (thrown) {
    if (thrown instanceof JitError && thrown.code === 'ERR_KEYCHAIN') throw damaged(ref, store.label);
    throw thrown;
  }
}

export async function writeRecord(store: RecordStore, ref: SharedBroker, record: SessionRecord): Promise<void> {
  await store.set(recordName(ref), packed(ref, record), Date.parse(record.session.expiresAt));
}

/** The tokens of an answer, in place of those that there were. @param askedAt epoch ms before the call. */
export function withTokens(
  base: Pick<SessionRecord, 'key' | 'vouching'>,
  { access_token: access, expires_in: seconds, refresh_token: refresh, session }: TokenView,
  askedAt: number,
): SessionRecord {
  return {
    ...base,
    access: { token: new Secret(access), until: askedAt + seconds * 1_000 },
    refresh: refresh === null ? null : new Secret(refresh),
    renewal: 'none',
    session,
  };
}

function packed(
  ref: SharedBroker,
  { key, access, refresh, renewal, session, vouching }: SessionRecord,
): Secret<string> {
  const stored: Stored = {
    v: 1,
    broker: ref.url.href,
    key: key.jwk.expose(),
    access: { token: access.token.expose(), until: access.until },
    refresh: refresh?.expose() ?? null,
    renewal,
    session,
    vouching:
      vouching.by === 'workload'
        ? { ...vouching, env: vouching.env.expose() }
        : { ...vouching, refreshToken: vouching.refreshToken?.expose() ?? null },
  };
  return new Secret(JSON.stringify(stored));
}

async function unpacked({ key, access, refresh, renewal, session, vouching }: Stored): Promise<SessionRecord> {
  return {
    key: await readProofKey(new Secret(key)),
    access: { token: new Secret(access.token), until: access.until },
    refresh: refresh === null ? null : new Secret(refresh),
    renewal,
    session,
    vouching:
      vouching.by === 'workload'
        ? { ...vouching, env: new Secret(vouching.env) }
        : { ...vouching, refreshToken: vouching.refreshToken === null ? null : new Secret(vouching.refreshToken) },
  };
}

function parse(text: Secret<string>): unknown {
  try {
    return JSON.parse(text.expose()) as unknown;
  } catch {
    return undefined;
  }
}
