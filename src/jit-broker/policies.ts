/**
 * The policies that a running broker decides by: read again when their files change, and kept when the new ones are bad.
 * @module
 */
import { canonicalHash } from '../core/canonical.ts';
import { asJitError } from '../core/errors.ts';
import type { Log } from '../broker/service/log.ts';
import { loadPolicies, type PolicySet } from '../policy/load.ts';
import type { PolicySource } from '../policy/read.ts';

/** How often the files are looked at. */
const LOOK_MS = 2_000;
const REFUSED = 'the policies are refused, the ones before go on';
const UNTOLD = 'a change of policies could not be recorded; it is tried again';

export interface LivePolicies {
  /** The set that decides now. */
  current(): PolicySet;
  /** Looks at the files at once. Never rejects: a bad set is told to the operator, and the one before goes on. */
  reload(): Promise<void>;
  /**
   * Starts to look at the files every two seconds.
   * @param changed is told after the set has been replaced, and told again at the next look where it rejects.
   * @returns how to stop.
   */
  watch(changed: (from: string, to: string) => Promise<void>): () => void;
}

/** Throws `ERR_CONFIG` when the first set is bad: a broker does not start without policies. */
export async function livePolicies(read: () => Promise<readonly PolicySource[]>, log: Log): Promise<LivePolicies> {
  let sources = await read();
  let current = await loadPolicies({ sources });
  let seen = hashOf(sources);
  let told = current.version;
  const complaints = new Map<string, string>();
  let listener: (from: string, to: string) => Promise<void> = async () => undefined;
  let looking: Promise<void> = Promise.resolve();

  async function load(): Promise<void> {
    sources = await read();
    const hash = hashOf(sources);
    if (hash === seen) return;
    const next = await loadPolicies({ sources });
    current = next;
    seen = hash;
    log.info('policies loaded', { policies: next.policies().length, version: next.version.slice(0, 12) });
  }

  async function tell(): Promise<void> {
    if (current.version === told) return;
    const to = current.version;
    await listener(told, to);
    told = to;
  }

  /** Said once for each fault, and not every two seconds. */
  function complain(thrown: unknown, what: string): void {
    const { code, message } = asJitError(thrown);
    if (complaints.get(what) !== message) log.error(what, { code, message, version: current.version.slice(0, 12) });
    complaints.set(what, message);
  }

  async function look(): Promise<void> {
    try {
      await load();
      complaints.delete(REFUSED);
    } catch (thrown) {
      complain(thrown, REFUSED);
    }
    try {
      await tell();
      complaints.delete(UNTOLD);
    } catch (thrown) {
      complain(thrown, UNTOLD);
    }
  }

  const reload = async (): Promise<void> => {
    looking = looking.then(look);
    return looking;
  };

  return {
    current: () => current,
    reload,
    watch: (changed) => {
      listener = changed;
      const timer = setInterval(() => void reload(), LOOK_MS).unref();
      return () => clearInterval(timer);
    },
  };
}

function hashOf(sources: readonly PolicySource[]): string {
  return canonicalHash(sources.map(({ name, text }) => ({ name, text })));
}
