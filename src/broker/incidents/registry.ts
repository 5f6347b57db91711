/**
 * The configured incident sources as one: which incident somebody means, how it stands, and who of its people is who here.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Incident, IncidentRef, IncidentSignal, IncidentSource, Standing } from '../../core/incident.ts';
import type { Clock } from '../../core/ports.ts';
import type { Principal, PrincipalKey } from '../../core/principal.ts';
import type { Log } from '../service/log.ts';
import { makeBudget } from './budget.ts';
import { type IsWho, standingTo } from './people.ts';

/** What was seen of an incident. One that was merged into another is seen as that one. */
export type Seen =
  | { readonly kind: 'seen'; readonly incident: Incident; /** Epoch ms. */ readonly at: number }
  | { readonly kind: 'none' }
  /** The source gives no answer. `last`: what it said before, if anything, and whether it has called since to say that it is over. */
  | { readonly kind: 'silent'; readonly last: (Extract<Seen, { kind: 'seen' }> & { saidClosed: boolean }) | null };

export type Found =
  | { readonly kind: 'found'; readonly ref: IncidentRef; readonly incident: Incident }
  | { readonly kind: 'none' }
  /** Names of the sources that know one of that name. */
  | { readonly kind: 'several'; readonly sources: readonly string[] }
  /** Nobody knows it, and these give no answer. */
  | { readonly kind: 'silent'; readonly sources: readonly string[] };

export interface OpenOnes {
  readonly incidents: readonly Incident[];
  readonly silent: readonly string[];
}

export interface Incidents {
  readonly sources: readonly string[];
  /**
   * @param text `INC-7`, or `pagerduty/INC-7` where several sources are configured. @param asker left out: the broker itself.
   * Throws `ERR_USAGE` for what is no name, `ERR_DENIED` for who has asked too often.
   */
  find(text: string, asker?: PrincipalKey): Promise<Found>;
  /** @param atMostMs how old an earlier look may be. */
  see(ref: IncidentRef, atMostMs: number): Promise<Seen>;
  /** The open ones, newest first, and the sources that give no answer; a moment old at most. */
  open(): Promise<OpenOnes>;
  /** How somebody stands to an incident, as its source and the configuration say. */
  standing(incident: Incident, who: Principal): Standing;
  /** What was seen counts no more. @param says why. @returns it and the ids of all that were merged into it, as far as is known. */
  doubt(ref: IncidentRef, says?: IncidentSignal['says']): readonly string[];
}

const CALL_MS = 5_000;
const MOMENT_MS = 5_000;
const LONGEST_CHAIN = 5;
const MOST_ROUNDS = 3;
const MOST_KNOWN = 5_000;
const TEXT = /^[\x21-\x7e]{1,128}$/;

export function makeIncidents(parts: {
  readonly sources: ReadonlyMap<string, IncidentSource>;
  readonly people: ReadonlyMap<string, IsWho>;
  readonly now: Clock;
  readonly log: Log;
}): Incidents {
  const { sources, people, now, log } = parts;
  const known = new Map<string, Known>();
  // Doubts are counted, so that an answer that was on its way when one came is not taken for newer than it.
  const doubts = new Map<string, number>();
  let turn = 0;
  const looking = new Map<string, Promise<Incident | null | 'silent'>>();
  const finding = new Map<string, Promise<Incident | null | 'silent'>>();
  const spend = makeBudget(now);
  let listed: { readonly at: number; readonly turn: number; readonly all: Promise<OpenOnes> } | null = null;

  /** @param began the turn at which it was asked for. */
  function remember(incident: Incident, began: number): void {
    const key = keyOf(incident);
    if ((doubts.get(key) ?? 0) > began) return;
    renew(known, key, { incident, at: now() });
  }

  async function asked<T>(name: string, ask: (source: IncidentSource) => Promise<T>): Promise<T | 'silent'> {
    const source = sources.get(name);
    if (source === undefined) return 'silent';
    try {
      return await ask(source);
    } catch (thrown) {
      const code = thrown instanceof JitError ? thrown.code : 'ERR_UNEXPECTED';
      log.warn('an incident source gives no answer', { source: name, code });
      return 'silent';
    }
  }

  /** Looks under way are shared: a thousand calls about one incident are one question to its source. */
  async function look(ref: IncidentRef): Promise<Incident | null | 'silent'> {
    const key = keyOf(ref);
    const under = looking.get(key);
    if (under !== undefined) return under;
    const began = turn;
    const answer = asked(ref.source, async (source) => source.look(ref.id, AbortSignal.timeout(CALL_MS)));
    looking.set(key, answer);
    try {
      const incident = await answer;
      if (incident !== null && incident !== 'silent') remember(incident, began);
      if (incident === null) known.delete(key);
      return incident;
    } finally {
      if (looking.get(key) === answer) looking.delete(key);
    }
  }

  /** Those who look for the same at the same time share one question. */
  function findAt(
    name: string,
    reference: string,
    asker: PrincipalKey | undefined,
  ): Promise<Incident | null | 'silent'> {
    const key = JSON.stringify([name, reference, turn]);
    const under = finding.get(key);
    if (under !== undefined) return under;
    if (asker !== undefined) spend(asker);
    const answer = asked(name, async (source) => source.find(reference, AbortSignal.timeout(CALL_MS)));
    finding.set(key, answer);
    return answer.finally(() => finding.delete(key));
  }

  async function list(): Promise<OpenOnes> {
    const answers = await Promise.all(
      [...sources.keys()].map(async (name) => ({
        name,
        answer: await asked(name, async (source) => source.open(AbortSignal.timeout(CALL_MS))),
      })),
    );
    const incidents = answers.flatMap(({ answer }) => (answer === 'silent' ? [] : answer));
    return {
      incidents: incidents.toSorted((a, b) => b.openedAt - a.openedAt),
      silent: answers.flatMap(({ name, answer }) => (answer === 'silent' ? [name] : [])),
    };
  }

  async function stands(ref: IncidentRef, atMostMs: number): Promise<Seen> {
    const key = keyOf(ref);
    const before = known.get(key);
    if (before !== undefined && !before.doubted && now() - before.at <= atMostMs) return seen(before);
    let began = turn;
    let incident = await look(ref);
    // What was on its way when the source said that something is new is asked for again.
    for (let round = 0; round < MOST_ROUNDS && (doubts.get(key) ?? 0) > began; round++) {
      began = turn;
      incident = await look(ref);
    }
    if (incident === null) return { kind: 'none' };
    if (incident !== 'silent') return seen({ incident, at: now() });
    const last = known.get(key) ?? before;
    return {
      kind: 'silent',
      last: last === undefined ? null : { ...seen(last), saidClosed: last.doubted === 'closed' },
    };
  }

  return {
    sources: [...sources.keys()],
    find: async (text, asker) => {
      const { names, reference } = meant(text, [...sources.keys()]);
      const began = turn;
      const answers = await Promise.all(
        names.map(async (name) => ({ name, answer: await findAt(name, reference, asker) })),
      );
      const found = answers.flatMap(({ answer }) => (answer === null || answer === 'silent' ? [] : [answer]));
      const [incident, ...more] = found;
      if (more.length > 0) return { kind: 'several', sources: found.map(({ source }) => source) };
      if (incident !== undefined) {
        remember(incident, began);
        return { kind: 'found', ref: { source: incident.source, id: incident.id }, incident };
      }
      const silent = answers.flatMap(({ name, answer }) => (answer === 'silent' ? [name] : []));
      return silent.length > 0 ? { kind: 'silent', sources: silent } : { kind: 'none' };
    },
    see: async (ref, atMostMs) => {
      let at = ref;
      for (let step = 0; step < LONGEST_CHAIN; step++) {
        const one = await stands(at, atMostMs);
        if (one.kind !== 'seen' || one.incident.mergedInto === null) return one;
        at = { source: at.source, id: one.incident.mergedInto };
      }
      return { kind: 'none' };
    },
    open: async () => {
      if (listed === null || listed.turn !== turn || now() - listed.at > MOMENT_MS) {
        listed = { at: now(), turn, all: list() };
      }
      return listed.all;
    },
    standing: (incident, who) => standingTo(incident, who, people.get(incident.source)),
    doubt: ({ source, id }, says = 'changed') => {
      const ids = new Set([id]);
      for (let size = 0; size < ids.size;) {
        size = ids.size;
        for (const { incident } of known.values()) {
          const { mergedInto } = incident;
          if (incident.source === source && mergedInto !== null && ids.has(mergedInto)) ids.add(incident.id);
        }
      }
      turn++;
      for (const each of ids) {
        const key = keyOf({ source, id: each });
        const before = known.get(key);
        // An end stays one whatever is said after it, until it has been looked at.
        const doubted = says === 'closed' || before?.doubted === 'closed' ? 'closed' : 'changed';
        if (before !== undefined) known.set(key, { ...before, doubted });
        renew(doubts, key, turn);
        looking.delete(key);
      }
      return [...ids];
    },
  };
}

/** Sets, as the newest; the oldest goes where there are too many. */
function renew<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MOST_KNOWN && oldest !== undefined) map.delete(oldest);
}

interface Known {
  readonly incident: Incident;
  readonly at: number;
  /** Its source has said since that something is new. */
  readonly doubted?: 'changed' | 'closed';
}

const seen = ({ incident, at }: Known) => ({ kind: 'seen', incident, at }) as const;

const keyOf = ({ source, id }: IncidentRef): string => `${source} ${id}`;

/** Which sources to ask, and for what. */
function meant(
  text: string,
  all: readonly string[],
): { readonly names: readonly string[]; readonly reference: string } {
  const slash = text.indexOf('/');
  const name = text.slice(0, Math.max(slash, 0));
  const rest = text.slice(slash + 1);
  const named = all.includes(name) && rest !== '';
  const reference = named ? rest : text;
  if (TEXT.test(reference)) return { names: named ? [name] : all, reference };
  throw new JitError({
    code: 'ERR_USAGE',
    message: 'that is not the name of an incident',
    hint: 'as its source calls it, such as INC-7',
  });
}
