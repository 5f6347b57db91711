/**
 * Reading and changing a project's policy, so that nobody else's change is ever lost.
 * @module
 */
import { setTimeout } from 'node:timers/promises';
import { JitError } from '../../core/errors.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { Caller } from './calls.ts';
import { strange } from './calls.ts';
import { CallFailed, cloudFault, harmless } from './failure.ts';
import type { Attempt, Failure } from './failure.ts';
import type { SignIn } from './login.ts';
import { demandRoom, edited, keyOf, readPolicy, stands } from './policy.ts';
import type { Edit, Policy } from './policy.ts';
import { queue, unlessAborted } from './queue.ts';
import type { Reach } from './target.ts';

/** A change of one grant's bindings at one project, for one broker. */
export interface Change {
  readonly reach: Reach;
  readonly owner: string;
  readonly edit: Edit;
}

interface Waiting extends Change {
  readonly signal: AbortSignal;
}

/** `written`: Google took a change. `as it was`: nothing had to be changed. Either way the policy is now as wanted. */
export type Changed = 'written' | 'as it was';

export interface PolicyWriter {
  read(reach: Reach, signal: AbortSignal): Promise<Policy>;
  /**
   * Makes the policy say exactly what is wanted about a grant. Throws `ERR_CLOUD` or `ERR_CLOUD_BUSY` where it surely says nothing
   * more about it than before, and `ERR_CLOUD_UNKNOWN` where it might.
   */
  change(change: Change, signal: AbortSignal): Promise<Changed>;
}

export type Pause = (ms: number) => Promise<unknown>;

/** A run ends within this, so that those who wait behind it get their turn while they still wait. */
const RUN_MS = 12_000;
const TRIES = 12;
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 1_500;

export function policyWriter(deps: {
  readonly now: Clock;
  readonly random: Random;
  readonly call: Caller;
  readonly signIn: SignIn;
  /** Waits that many ms before somebody else's change is looked at again. */
  readonly pause?: Pause;
}): PolicyWriter {
  const { now, random, call, signIn, pause = setTimeout } = deps;

  const ask = async (
    reach: Reach,
    verb: 'getIamPolicy' | 'setIamPolicy',
    value: unknown,
    signal: AbortSignal,
  ): Promise<Policy> => {
    const path = `/v3/projects/${reach.project}:${verb}`;
    const token = await signIn(reach, signal);
    const { endpoint } = reach;
    // Of a write, its outcome is looked for instead.
    const again = verb === 'getIamPolicy' ? 'once' : 'never';
    return readPolicy(
      await call({ api: 'cloudresourcemanager', endpoint, path, body: { type: 'json', value }, token, again }, signal),
    );
  };

  const read = async (reach: Reach, signal: AbortSignal): Promise<Policy> => {
    try {
      // Without a version, conditions would be left out of the answer, and lost with the next write.
      return await ask(reach, 'getIamPolicy', { options: { requestedPolicyVersion: 3 } }, signal);
    } catch (thrown) {
      if (thrown instanceof CallFailed) throw cloudFault(harmless(thrown.failure), reading(reach));
      // Reading issues nothing, whatever came back.
      if (thrown instanceof JitError && thrown.code === 'ERR_CLOUD_UNKNOWN') throw asBusy(thrown);
      throw thrown;
    }
  };

  const jitter = (attempt: number): number => {
    const [byte = 0] = random(1);
    return (Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (128 + byte)) / 383;
  };

  /** Read, change, write on condition that nobody was faster; all of it again where somebody was. */
  const write = async (reach: Reach, owner: string, edits: readonly Edit[]): Promise<Changed> => {
    const signal = AbortSignal.timeout(RUN_MS);
    // Once a write may have been carried out, nothing less than seeing its outcome makes it certain again.
    let doubt: Failure | null = null;
    let last: Failure = { kind: 'conflict', status: 'ABORTED', http: 409 };
    for (let attempt = 0; attempt < TRIES && !signal.aborted; attempt++) {
      if (attempt > 0) await pause(jitter(attempt));
      try {
        const policy = await read(reach, signal);
        if (edits.every((edit) => stands(policy, edit, owner)))
          return doubt === null && attempt === 0 ? 'as it was' : 'written';
        const next = edited(policy, edits, { owner, now: now() });
        for (const edit of edits) if (!stands(policy, edit, owner)) demandRoom(next, edit);
        const stored = await ask(reach, 'setIamPolicy', { policy: next }, signal);
        if (edits.every((edit) => stands(stored, edit, owner))) return 'written';
        throw strange('with another policy than it was given');
      } catch (thrown) {
        if (!(thrown instanceof CallFailed)) throw doubt === null ? thrown : cloudFault(doubt, writing(reach));
        last = thrown.failure;
        if (last.kind === 'unknown') doubt = last;
        if (last.kind === 'refused' || last.kind === 'busy') break;
      }
    }
    throw cloudFault(doubt ?? last, writing(reach));
  };

  const enqueue = queue<Waiting, Changed>(async (changes) => {
    const [first] = changes;
    if (first === undefined) return [];
    const { reach, owner } = first;
    const made = current(changes);
    const outcomes = new Map<Waiting, PromiseSettledResult<Changed>>();
    const writeAll = async (some: readonly Waiting[]): Promise<void> => {
      const edits = some.map(({ edit }) => edit);
      const outcome = await settled(write(reach, owner, edits));
      for (const one of some) outcomes.set(one, outcome);
    };
    if (made.length > 0) await writeAll(made);
    // One that Google does not take must not keep the others from being made, least of all from being removed.
    if (made.length > 1 && made.every((one) => isRefused(outcomes.get(one)))) {
      for (const one of made.toSorted((a, b) => a.edit.wanted.length - b.edit.wanted.length)) await writeAll([one]);
    }
    return changes.map((one) => outcomes.get(one) ?? outcomeOf(one, made, outcomes));
  });

  return {
    read,
    change: async (change, signal) => {
      const { reach, owner } = change;
      const outcome = enqueue(JSON.stringify([reach, owner]), { ...change, signal });
      return await unlessAborted(outcome, signal, () => interrupted(reach));
    },
  };
}

/** Of several changes for one grant the last one counts, and none that would add something for which nobody waits any more. */
function current(changes: readonly Waiting[]): readonly Waiting[] {
  const wanted = changes.filter(({ edit, signal }) => edit.wanted.length === 0 || !signal.aborted);
  return [...new Map(wanted.map((one) => [keyOf(one.edit), one])).values()];
}

/** Of one that was not made itself: what became of an equal one, or that it was overtaken, so that surely nothing came of it. */
function outcomeOf(
  change: Waiting,
  made: readonly Waiting[],
  outcomes: ReadonlyMap<Waiting, PromiseSettledResult<Changed>>,
): PromiseSettledResult<Changed> {
  const text = JSON.stringify(change.edit);
  const equal = made.find(({ edit }) => JSON.stringify(edit) === text);
  const message = `another change of the same grant came first in ${change.reach.project}`;
  const overtaken = new JitError({ code: 'ERR_CLOUD_BUSY', message });
  return (equal === undefined ? undefined : outcomes.get(equal)) ?? { status: 'rejected', reason: overtaken };
}

async function settled<T>(work: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [outcome] = await Promise.allSettled([work]);
  return outcome;
}

const isRefused = (outcome: PromiseSettledResult<Changed> | undefined): boolean =>
  outcome?.status === 'rejected' && outcome.reason instanceof JitError && outcome.reason.code === 'ERR_CLOUD';

function reading({ project, login }: Reach): Attempt {
  return {
    doing: `read the policy of ${project}`,
    needs: needs(login, 'resourcemanager.projects.getIamPolicy', project),
  };
}

function writing({ project, login }: Reach): Attempt {
  return {
    doing: `change the policy of ${project}`,
    needs: needs(login, 'resourcemanager.projects.setIamPolicy', project),
  };
}

function needs(login: Reach['login'], permission: string, project: string): string {
  const who =
    login.kind === 'ambient'
      ? 'the identity that the broker runs under'
      : (login.impersonate ?? 'the identity of the pool');
  return `${who} needs ${permission} on ${project}, and the principal and the role must exist`;
}

function asBusy({ message, hint, cause }: JitError): JitError {
  return new JitError({ code: 'ERR_CLOUD_BUSY', message, hint, cause });
}

function interrupted({ project }: Reach): JitError {
  return new JitError({
    code: 'ERR_CLOUD_UNKNOWN',
    message: `interrupted while the policy of ${project} was being changed`,
  });
}
