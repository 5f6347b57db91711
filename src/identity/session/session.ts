/**
 * Who one is at one broker, as every call proves it: read from the store once, renewed and confirmed when the broker asks.
 * @module
 */
import { createHash } from 'node:crypto';
import type { Authorizer, Refusal } from '../../client/authorizer.ts';
import { JitError } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import { withLock } from '../../local/lock.ts';
import { CONFIRMATION_HEADER, NO_WORD, type SessionView } from '../../wire/sessions.ts';
import type { SecretStore } from '../secrets/store.ts';
import { authorizationOf, confirmationHeader, type Link, type LinkParts, openLink } from './link.ts';
import { type Confirmed, confirmed, opened, renewed, whyOver } from './mend.ts';
import { type Person, readRecord, type RecordStore, type SessionRecord, type SharedBroker } from './record.ts';
import {
  doneWithoutWord,
  isOfTheKeychain,
  notAlone,
  notSignedIn,
  notSignedInAnywhere,
  notWithoutWord,
} from './words.ts';
import { signInAsWorkload, type WorkloadPort, type Workloads } from './workload.ts';

/** A newer proof from the identity provider, and what it gave for the next time. */
export interface Vouched {
  readonly idToken: Secret<string>;
  /** Null where the one that was used stays good. */
  readonly refreshToken: Secret<string> | null;
}

export interface SessionParts extends LinkParts {
  readonly ref: SharedBroker;
  /** Where a person's session rests. */
  readonly keychain: () => Promise<SecretStore>;
  /** Where a workload's session rests: no longer than this user's processes, and in no file. Reading it starts nothing. */
  readonly memory: () => Promise<RecordStore>;
  /** The private folder for locks that all processes of this user share. */
  readonly locks: string;
  /**
   * Asks the identity provider to vouch again, without the person. Throws `ERR_NOT_SIGNED_IN`, `ERR_IDENTITY_PROVIDER`.
   * @param provider its name at the broker.
   */
  readonly refreshIdp: (
    vouching: Person & { readonly refreshToken: Secret<string> },
    provider: string,
  ) => Promise<Vouched>;
  readonly workloads: Workloads;
  /** Says something to the user while a call goes on. */
  readonly note: (line: string) => void;
}

/** A record and the store that it rests in. */
export interface Kept {
  readonly record: SessionRecord;
  readonly store: RecordStore;
}

export interface Session extends Authorizer {
  readonly link: Link;
  /** What is stored; null where nobody is signed in. Calls nobody, signs nobody in. Throws `ERR_KEYCHAIN`, `ERR_KEEPER`. */
  kept(): Promise<Kept | null>;
  /** Has the identity provider vouch now. Throws `ERR_NOT_SIGNED_IN` where nobody is signed in or it vouches no more. */
  confirm(): Promise<SessionView>;
  /** Signs in as a workload, whoever is signed in already. @param sources at least one; the first that the broker takes. */
  enter(sources: readonly WorkloadPort[]): Promise<Kept>;
  /** Runs `work` alone among all processes that change this session; what it left is read afterwards. */
  change<T>(work: () => Promise<T>): Promise<T>;
}

/** A token that has less than this left is renewed before it is sent. */
const MARGIN_MS = 5_000;
/** Longer than whoever holds the lock may take: a call to the identity provider, two to the broker, and the keychain. */
const LOCK_WAIT_MS = 90_000;

export function openSession(parts: SessionParts): Session {
  const { ref, locks, now } = parts;
  const link = openLink(parts);
  const lock = `session-${createHash('sha256').update(ref.url.href).digest('hex').slice(0, 32)}`;
  let held: Kept | null = null;
  let finding: Promise<Kept> | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  /** Why the identity provider was last not heard. */
  let silence: JitError | null = null;

  /** One after the other in this process too, so that those who waited find the work done. */
  function alone<T>(work: () => Promise<T>): Promise<T> {
    let phase: 'waiting' | 'working' = 'waiting';
    const run = queue
      .then(() =>
        withLock(lock, locks, { waitMs: LOCK_WAIT_MS }, () => {
          phase = 'working';
          return work();
        }),
      )
      .catch((thrown: unknown) => {
        throw phase === 'waiting' ? notAlone(ref, thrown) : thrown;
      });
    // The next in line starts whatever became of this one, whose failure goes to its own caller.
    queue = run.catch(() => undefined);
    return run;
  }

  async function readFrom(open: () => Promise<RecordStore>): Promise<Kept | null> {
    const store = await open();
    const record = await readRecord(store, ref);
    return record === null ? null : { record, store };
  }

  /** A workload first: it was chosen for the processes of today, and reading it takes no keychain. */
  async function kept(): Promise<Kept | null> {
    const [inMemory, trouble] = await troubled(() => readFrom(parts.memory));
    if (inMemory !== null) return inMemory;
    const inKeychain = await readFrom(parts.keychain);
    if (inKeychain === null && trouble !== null) throw trouble;
    return inKeychain;
  }

  async function find(): Promise<Kept> {
    const [found, trouble] = await troubled(kept);
    if (found !== null) return found;
    const sources = await parts.workloads.detect();
    if (sources.length === 0) throw nobody(trouble);
    return await alone(async () => (await readFrom(parts.memory)) ?? (await signInAsWorkload(parts, link, sources)));
  }

  /** Where nothing could be kept, nobody is signed in; a keychain that is locked may well hold a session. */
  function nobody(trouble: JitError | null): JitError {
    if (trouble === null) return notSignedIn(ref, parts.workloads.lookedFor);
    return trouble.code === 'ERR_NO_KEYCHAIN' ? notSignedInAnywhere(ref, parts.workloads.lookedFor, trouble) : trouble;
  }

  async function holder(): Promise<Kept> {
    if (held !== null) return held;
    finding ??= find().finally(() => (finding = null));
    held = await finding;
    return held;
  }

  /** Works alone on what is stored now; a workload whose session is gone has a new one first. */
  async function amid<T>(before: Kept, work: (fresh: Kept) => Promise<T>): Promise<T> {
    return await alone(async () => {
      const record = await readRecord(before.store, ref);
      const fresh = record === null ? null : { record, store: before.store };
      return await work(fresh ?? (await opened(parts, link, before.record, notSignedIn(ref))));
    }).catch((thrown: unknown) => {
      // Somebody may sign in while this process goes on.
      if (thrown instanceof JitError && thrown.code === 'ERR_NOT_SIGNED_IN') held = null;
      throw thrown;
    });
  }

  /**
   * Changes the session unless another process, or another call of this one, has done so since `before` was read.
   * @param done whether what is stored now is good enough.
   */
  async function mend(
    before: Kept,
    done: (now: SessionRecord) => boolean,
    work: (fresh: Kept) => Promise<Kept>,
  ): Promise<void> {
    held = await amid(before, async (fresh) => (done(fresh.record) ? fresh : await work(fresh)));
  }

  // The last token of a session is good to its end: there is no other to come.
  const isOver = ({ access, refresh }: SessionRecord): boolean =>
    access.until - (refresh === null ? 0 : MARGIN_MS) <= now();
  const isSent = ({ access }: SessionRecord, sent: Refusal['sent']): boolean =>
    sent['authorization'] === authorizationOf(access.token);

  async function usable(): Promise<Kept> {
    const found = await holder();
    if (!isOver(found.record)) return found;
    await mend(
      found,
      (record) => !isOver(record),
      (fresh) => renewed(parts, link, fresh),
    );
    return await holder();
  }

  /** A word of the identity provider for each who asks: nobody takes another's. */
  async function word(): Promise<Confirmed> {
    return await amid(await holder(), async (fresh) => {
      const done = await confirmed(parts, link, isOver(fresh.record) ? await renewed(parts, link, fresh) : fresh);
      held = done.kept;
      return done;
    });
  }

  /** What lets a call issue something. Where the provider gives no answer, the broker finds out whether to go on without its word. */
  async function wordHeader(): Promise<Readonly<Record<string, string>>> {
    try {
      return confirmationHeader((await word()).confirmation);
    } catch (thrown) {
      if (!(thrown instanceof JitError) || thrown.code !== 'ERR_IDENTITY_PROVIDER') throw thrown;
      const { kind, actsFor } = (await holder()).record.session.principal;
      if (kind !== 'user' || actsFor !== undefined) throw thrown;
      silence = thrown;
      return { [CONFIRMATION_HEADER]: NO_WORD };
    }
  }

  return {
    link,
    kept,
    confirm: async () => (await word()).kept.record.session,
    enter: async (sources) => (held = await alone(() => signInAsWorkload(parts, link, sources))),
    change: async (work) => {
      try {
        return await alone(work);
      } finally {
        held = null;
      }
    },
    seen: link.seen,
    done: (sent) => {
      if (sent[CONFIRMATION_HEADER] === NO_WORD && silence !== null) parts.note(doneWithoutWord(silence));
    },
    headers: async (method, url) => {
      const { record } = await usable();
      return await link.headers({ key: record.key, token: record.access.token, method, url });
    },
    refused: async (refusal) => {
      const { code, sent } = refusal;
      if (link.learn(refusal)) return 'again';
      const before = await holder();
      switch (code ?? '') {
        case 'ERR_TOKEN_EXPIRED':
          await mend(
            before,
            (record) => !isSent(record, sent),
            (fresh) => renewed(parts, link, fresh),
          );
          return 'again';
        case 'ERR_IDENTITY_STALE':
          if (sent[CONFIRMATION_HEADER] === NO_WORD && silence !== null) throw notWithoutWord(ref, silence, refusal);
          // A confirmation that was refused is not made better by another.
          if (sent[CONFIRMATION_HEADER] !== undefined) return 'no use';
          return { with: await wordHeader() };
        case 'ERR_NOT_SIGNED_IN':
          await mend(
            before,
            (record) => !isSent(record, sent),
            ({ record }) => opened(parts, link, record, whyOver(parts, record)),
          );
          return 'again';
        default:
          return 'no use';
      }
    },
  };
}

/** What was found, and why nothing could be looked for. */
async function troubled(read: () => Promise<Kept | null>): Promise<readonly [Kept | null, JitError | null]> {
  try {
    return [await read(), null];
  } catch (thrown) {
    if (thrown instanceof JitError && isOfTheKeychain(thrown)) return [null, thrown];
    throw thrown;
  }
}
