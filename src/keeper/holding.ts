/**
 * One grant in the keeper's hands, from its adoption to the moment when nothing of it is left on this machine.
 * @module
 */
import type { BrokerClient, IssuedCredentials } from '../client/client.ts';
import { namedIn, plainName } from '../client/ref.ts';
import { formatDuration } from '../core/duration.ts';
import { asJitError, atBroker, worded } from '../core/errors.ts';
import { type Clocks, judge, pause, waitUntilOver } from '../local/clock.ts';
import type { GrantView } from '../wire/views.ts';
import { choose, openCache, type Usable } from './cache.ts';
import { type About, type Adoption, type Delivery, type HeldGrant, type HeldProfile, refOf } from './protocol.ts';
import { incidentClosed, overError, whyOver } from './ending.ts';
import { openTerm } from './term.ts';
import { type Channel, countUses } from './uses.ts';
import { watchGrant } from './watch.ts';
import { untilDone } from './wipe.ts';

export interface HoldingDeps {
  /** A client for this grant's broker; calls end when `signal` aborts. */
  readonly openClient: (signal?: AbortSignal) => BrokerClient;
  readonly read: () => Clocks;
  /** 0 to 1. */
  readonly random: () => number;
  /** Brings an embedded broker back; nothing to do for others. Never rejects. */
  readonly reviveBroker: () => Promise<void>;
  /** Removes one of the grant's profiles. Throws `ERR_LOCAL_FILE` while any of it is left. */
  readonly wipeProfile: (profile: HeldProfile) => Promise<void>;
  /** Puts the end into the profile's marker, epoch ms. Throws `ERR_LOCAL_FILE`. */
  readonly markProfile: (profile: HeldProfile, expiresAt: number) => Promise<void>;
  /** Removes what of the profile is a secret in a file. Throws `ERR_LOCAL_FILE`. */
  readonly wipeStaticKeys: (profile: HeldProfile) => Promise<void>;
  /** Puts what is secret where tools read it that can ask nobody. @returns whether there was any. Throws `ERR_LOCAL_FILE`. */
  readonly writeSecrets: (issued: IssuedCredentials) => Promise<'none' | 'written'>;
  /** Gives it, and what lies beside it, another end, epoch ms. Throws `ERR_LOCAL_FILE`. */
  readonly markSecrets: (expiresAt: number) => Promise<void>;
  /** Removes it. Throws `ERR_LOCAL_FILE` while any of it is left. */
  readonly removeSecrets: () => Promise<void>;
  /** Takes the endpoint away. */
  readonly closeEndpoint: () => Promise<void>;
  /** Shows a sentence of jit's own to whoever sits at this machine. Never rejects. */
  readonly tell: (sentence: string) => Promise<void>;
  readonly log: (line: string) => void;
}

export interface Holding {
  readonly describe: () => HeldGrant;
  /** Fetches the credentials if they are not here. Throws as `credential` does. */
  takeUp(): Promise<void>;
  /** The same grant again: only profile and delivery may be other ones, and the end. */
  update(adoption: Adoption): void;
  /** Throws `ERR_GRANT_ENDED` from the end on, whatever else is still going on; `ERR_TARGET` if none or several fit. */
  credential(target: string | undefined, channel: Channel): Promise<Usable>;
  /** Ends it now if it has not ended. Resolves when nothing is left; rejects with the first attempt's failure. */
  end(why: string): Promise<void>;
  /**
   * The keeper ends before the grant: reports uses, and removes keys that nobody would be there to wipe.
   * A profile that starts a keeper again stays. Never rejects.
   */
  leave(): Promise<void>;
  /** Why it is over, where there is more to say than that; else null. */
  readonly why: () => string | null;
  /** Resolves when it is over and nothing is left. Never rejects. */
  readonly gone: Promise<void>;
}

const LAST_REPORT_MS = 3_000;
const FRESH_MS = 15_000;

export function hold(adoption: Adoption, deps: HoldingDeps): Holding {
  const { read, random, reviveBroker } = deps;
  const { grant } = adoption;
  const broker = namedIn(refOf(adoption.broker));
  /** Whatever keeps a grant from being used is said with the name of its broker. */
  const named = <T>(work: () => Promise<T>): Promise<T> => atBroker(broker, work);
  const log = (line: string): void => deps.log(worded({ broker, message: `${grant}: ${line}` }));
  const stop = new AbortController();
  const client = deps.openClient();
  const listener = deps.openClient(stop.signal);
  const adopted = read();
  const term = openTerm(adoption, read);
  let why: string | null = null;
  /** The end that surely stands in the profile, and whether another is being written. */
  let marked: string | null = null;
  let marking = false;
  let { profiles } = adoption;
  let delivery: Delivery = adoption.delivery;
  let problem: string | null = null;
  let firstWipe: Promise<void> | null = null;
  let finish: () => void = () => undefined;
  const gone = new Promise<void>((resolve) => (finish = resolve));
  let timer = new AbortController();

  /** Whether tools read files of this keeper, which it then keeps up to date. */
  let files: 'none' | 'written' = 'none';

  async function fetchCredentials(): Promise<IssuedCredentials> {
    const issued = await client.credentials(grant);
    files = await deps.writeSecrets(issued);
    // It may have ended meanwhile, and been wiped before they were written.
    if (firstWipe !== null) await deps.removeSecrets();
    return issued;
  }

  const cache = openCache(fetchCredentials, read, () => term.until().endsAt);
  const uses = countUses(
    (body) => client.use(grant, body),
    () => read().wallMs,
  );

  function driftSeconds(): number {
    const now = read();
    return Math.round((now.wallMs - adopted.wallMs - (now.bootMs - adopted.bootMs)) / 1_000);
  }

  function runTimer(): void {
    timer.abort();
    timer = new AbortController();
    const mine = AbortSignal.any([timer.signal, stop.signal]);
    waitUntilOver(term.until(), read, mine).then(
      (verdict) =>
        void begin(verdict.state === 'over' && verdict.by === 'boot' ? 'expired by the boot clock' : 'expired'),
      () => undefined,
    );
  }

  function onLive({ expiresAt: end, seconds, idleSeconds, version: seen }: GrantView): void {
    problem = null;
    if (end !== null) follow({ expiresAt: end, version: seen }, { seconds, idleSeconds });
    void mark();
  }

  /** The grant may have been renewed, or cut short. */
  function follow(seen: Pick<Adoption, 'expiresAt' | 'version'>, terms: Pick<About, 'seconds' | 'idleSeconds'>): void {
    if (firstWipe !== null) return;
    const change = term.follow(seen, terms);
    if (change === 'same') return;
    log(`ends at ${term.expiresAt()} now`);
    const seconds = Math.round((term.until().endsAt - read().wallMs) / 1_000);
    if (change === 'cut') tell(`your access ends in ${formatDuration(Math.max(1, seconds))}`);
    runTimer();
  }

  /** Only where nobody else does: whoever runs a command under the grant is told by it. */
  function tell(what: string): void {
    const { incident } = term.about();
    if (incident !== null && delivery === 'process') void deps.tell(`${incidentClosed(incident)}: ${what}`);
  }

  /** Tried again with every sign of life, since whoever finds an old end in a profile wipes it. */
  async function mark(): Promise<void> {
    const end = term.expiresAt();
    if (marking || marked === end || firstWipe !== null) return;
    marking = true;
    try {
      for (const profile of profiles) await deps.markProfile(profile, Date.parse(end));
      await deps.markSecrets(Date.parse(end));
      marked = end;
    } catch (thrown) {
      problem = asJitError(thrown).message;
      log(`the new end cannot be written into the profile: ${problem}`);
    } finally {
      marking = false;
    }
  }

  async function onTrouble(thrown: unknown): Promise<void> {
    const error = asJitError(thrown);
    problem = worded(error);
    if (error.code === 'ERR_BROKER_UNREACHABLE') await reviveBroker();
  }

  function begin(reason: string): Promise<void> {
    if (firstWipe !== null) return firstWipe;
    const drift = driftSeconds();
    why = whyOver(term.isCut() && reason.startsWith('expired') ? 'incident-closed' : reason, term.about().incident);
    log(`over (${reason}${Math.abs(drift) < 5 ? '' : `; the wall clock was set by ${drift}s meanwhile`})`);
    stop.abort();
    listener.close();
    cache.clear();
    uses.stop();
    firstWipe = wipe();
    if (why !== null) tell('your access has ended');
    firstWipe.catch(async () => untilDone(wipe)).then(finishUp, () => undefined);
    return firstWipe;
  }

  async function wipe(): Promise<void> {
    try {
      const steps = [deps.closeEndpoint(), deps.removeSecrets(), ...profiles.map(deps.wipeProfile)];
      const failed = (await Promise.allSettled(steps)).find((step) => step.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      problem = null;
    } catch (thrown) {
      const error = asJitError(thrown);
      problem = error.message;
      log(`${error.code} while wiping: ${error.message}`);
      throw error;
    }
  }

  function finishUp(): void {
    log(`nothing of it is left here`);
    finish();
    // What was used is told after the wipe, which matters more, and not for long: the grant is over.
    void Promise.race([uses.flush(), pause(LAST_REPORT_MS)]).finally(() => client.close());
  }

  /** Nobody asks for what is read from a file. With an idle limit it runs out all the same: fetching anew would count as use. */
  async function keepFresh(): Promise<void> {
    for (;;) {
      await pause(FRESH_MS, stop.signal);
      if (files === 'written' && term.about().idleSeconds === null) await fetched().catch(onTrouble);
    }
  }

  runTimer();
  // Only the end of the grant ends it, and that is nothing to report.
  keepFresh().catch(() => undefined);
  watchGrant({ client: listener, grant, signal: stop.signal, onLive, onTrouble, random }).then(
    (reason) => void begin(reason),
    () => undefined,
  );

  return {
    gone,
    why: () => why,
    describe: () => {
      const verdict = judge(term.until(), read());
      return {
        grant,
        state: firstWipe === null ? 'live' : 'wiping',
        broker: plainName(adoption.broker),
        profile: profiles.length === 0 ? null : profiles.map(({ name }) => name).join(', '),
        delivery,
        about: term.about(),
        expiresAt: term.expiresAt(),
        remainingMs: verdict.state === 'live' && firstWipe === null ? verdict.remainingMs : 0,
        clockDriftSeconds: driftSeconds(),
        uses: uses.total(),
        problem,
      };
    },
    update: (again) => {
      if (again.profiles.length > 0) ({ profiles } = again);
      delivery = again.delivery;
      follow(again, again.about);
      void mark();
    },
    takeUp: () =>
      named(async () => {
        refuseOver();
        await fetched();
      }),
    credential: (target, channel) =>
      named(async () => {
        refuseOver();
        const usable = choose(await fetched(), target);
        // Fetching may have outlasted the grant, or the process may have been stopped in between.
        const remainingMs = refuseOver();
        uses.count(channel, remainingMs);
        return { ...usable, notAfter: Math.min(usable.notAfter, term.until().endsAt, term.servedUntil()) };
      }),
    end: begin,
    leave: async () => {
      await Promise.allSettled([uses.flush(), deps.removeSecrets(), ...profiles.map(deps.wipeStaticKeys)]);
    },
  };

  function refuseOver(): number {
    const verdict = judge(term.until(), read());
    if (firstWipe === null && verdict.state === 'live') return verdict.remainingMs;
    throw overError(why);
  }

  async function fetched(): Promise<readonly Usable[]> {
    try {
      return await cache.get();
    } catch (thrown) {
      const error = asJitError(thrown);
      if (error.code === 'ERR_GRANT_ENDED' || error.code === 'ERR_NOT_FOUND') void begin('ended');
      throw error;
    }
  }
}
