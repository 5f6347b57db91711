/**
 * A cloud for tests of the broker: it issues, enforces ends and denials, and fails on demand. Its semantics are those of
 * the port, and `works` says what an attacker holding a credential could still do.
 * @module
 */
import { canonicalJson } from '../../src/core/canonical.ts';
import { JitError } from '../../src/core/errors.ts';
import type { Issued, Mark, Order, Provider, RevokedMarks, Target } from '../../src/core/ports.ts';
import type { Permission } from '../../src/core/request.ts';
import { Secret } from '../../src/core/secret.ts';

/** `hangs` until its caller gives up; `is deaf` hangs whatever its caller does, until `cloud.wake` is called. */
export type Behaviour = 'well' | 'busy' | 'refuses' | 'breaks before' | 'breaks after' | 'hangs' | 'is deaf';

type Verb = 'issue' | 'revoke' | 'list';

export interface FakeCloud {
  readonly provider: Provider;
  /** The provider of another broker on this cloud. @param owner 16 hexadecimal digits. */
  as(owner: string): Provider;
  /** Every call, as `verb target grant`; asking what is there is not one. */
  readonly calls: readonly string[];
  /** How the next calls go; the last one stays. */
  issuing: Behaviour[];
  revoking: Behaviour[];
  listing: Behaviour[];
  /** How calls at one target go, whatever the others do. */
  readonly at: Map<string, Partial<Record<Verb, Behaviour>>>;
  /** Called when the cloud is reached, before it answers. */
  onCall: (verb: string, grant: string, target: string) => void | Promise<void>;
  /** Subjects whom this cloud does not know. */
  readonly strangers: Set<string>;
  /** Called when something has been issued, before anybody hears of it. */
  onIssued: (grant: string, target: string) => void | Promise<void>;
  /** Whether any credential of this grant would be accepted now, at that target or at any. */
  works(grant: string, where?: { readonly target?: string; readonly operation?: string }): boolean;
  /** Whether a denial of this grant is in place. */
  isDenied(grant: string): boolean;
  /** What administrators see, of all brokers: sessions where they are seen, and denials. */
  objects(): readonly string[];
  /** What was deaf carries out what it was told. */
  wake(): void;
  /** An administrator removes what belongs to a grant. */
  remove(grant: string): void;
}

/**
 * `sessions`: like AWS, a grant leaves nothing to be seen, and is ended by a denial that is rebuilt for a whole target.
 * `objects`: like a database, each grant is a thing of its own, which is listed and removed.
 */
export type Keeping = 'sessions' | 'objects';

/** No credential of this cloud lives longer. */
const SESSION_MS = 3_600_000;
const CALL_MS = 10_000;
const OWNER = '0123456789abcdef';
const ACTION = /^[A-Za-z0-9-]+:[A-Za-z0-9]+$/;

interface Session {
  readonly target: string;
  readonly owner: string;
  readonly grant: Order['grant'];
  readonly permissions: readonly Permission[];
  readonly endsAt: number;
}

export function fakeCloud(
  now: () => number,
  { kind = 'aws', keeps = 'sessions' }: { readonly kind?: string; readonly keeps?: Keeping } = {},
): FakeCloud {
  let sessions: readonly Session[] = [];
  // By target, as a role's policy would be: rebuilding one leaves the others alone.
  const denials = new Map<string, ReadonlySet<string>>();
  const calls: string[] = [];
  const awake = Promise.withResolvers<void>();
  const next = (plan: Behaviour[]): Behaviour => (plan.length > 1 ? plan.shift() : plan[0]) ?? 'well';
  const isLive = ({ endsAt, target: where, grant }: Session): boolean =>
    endsAt > now() && denials.get(where)?.has(grant) !== true;
  const howToday = (verb: Verb, where: string): Behaviour => {
    const there = cloud.at.get(where)?.[verb];
    if (there !== undefined) return there;
    const plans = { issue: cloud.issuing, revoke: cloud.revoking, list: cloud.listing };
    return next(plans[verb]);
  };

  function ask(how: Behaviour, effect: () => void, signal: AbortSignal): void | Promise<void> {
    switch (how) {
      case 'well':
        return effect();
      case 'busy':
        throw new JitError({ code: 'ERR_CLOUD_BUSY', message: 'slow down' });
      case 'refuses':
        throw new JitError({ code: 'ERR_CLOUD', message: 'no' });
      case 'breaks before':
        throw new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: 'the connection broke' });
      case 'breaks after':
        effect();
        throw new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: 'the connection broke' });
      case 'hangs':
        return new Promise((_, reject) => {
          const over = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]);
          over.addEventListener('abort', () =>
            reject(new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: 'no answer' })),
          );
        });
      case 'is deaf':
        return awake.promise.then(effect);
      default:
        return how satisfies never;
    }
  }

  async function issue(owner: string, name: string, order: Order, signal: AbortSignal): Promise<Issued> {
    if (order.endsAt <= now()) throw new JitError({ code: 'ERR_CLOUD', message: 'the grant has ended' });
    if (signal.aborted) throw new JitError({ code: 'ERR_CLOUD_BUSY', message: 'nobody waits for it' });
    order.permissions.forEach(demandSound);
    calls.push(`issue ${name} ${order.grant}`);
    await cloud.onCall('issue', order.grant, name);
    const { grant, permissions } = order;
    const endsAt = keeps === 'sessions' ? Math.min(order.endsAt, now() + SESSION_MS) : order.endsAt;
    const session = { target: name, owner, grant, permissions, endsAt };
    const effect = (): void => {
      const others = sessions.filter((one) => keeps === 'sessions' || !belongs(one, session));
      sessions = [...others, session];
    };
    await ask(howToday('issue', name), effect, signal);
    await cloud.onIssued(grant, name);
    const keys = {
      accessKeyId: 'ASIAFAKEFAKEFAKEFAKE',
      secretAccessKey: 'canary-secret-access-key',
      sessionToken: 'canary-session-token',
    };
    const granted = JSON.stringify(order.permissions);
    return { credential: { kind: 'aws', secret: new Secret(keys) }, granted, notAfter: now() + SESSION_MS };
  }

  const providerOf = (owner: string): Provider => ({
    kind,
    parseTarget: (name) => target(name, kind),
    // Like AWS, this cloud does not care about the case of an action.
    assess: async (_, permission) => {
      const spell = (action: string): string => action.replace(/:./, (start) => start.toUpperCase());
      const [operation, actions] = [spell(permission.operation), permission.actions.map(spell)];
      demandSound(permission);
      return { permission: { ...permission, operation, actions }, assessment: { access: 'read', breadth: 'exact' } };
    },
    plan: async ({ name }, permissions) => {
      permissions.forEach(demandSound);
      return {
        target: name,
        permission: JSON.stringify(permissions),
        words: permissions.map(({ operation }) => operation),
        assessment: { access: 'read', breadth: 'exact' },
        floorSeconds: 900,
        residualSeconds: 0,
        revocation: { kind: 'immediate' },
      };
    },
    intend: ({ name }, { grant, endsAt, principal }) => {
      if (cloud.strangers.has(principal.subject)) {
        throw new JitError({ code: 'ERR_TARGET', message: `${name} does not know ${principal.subject}` });
      }
      return {
        handle: canonicalJson({ v: 1, target: name, owner, grant }),
        name: grant,
        revocation: { kind: 'immediate' },
        notAfter: Math.max(now() + SESSION_MS, keeps === 'sessions' ? 0 : endsAt),
      };
    },
    issue: async ({ name }, order, signal) => await issue(owner, name, order, signal),
    revoke: async (mark: Mark, revoked: RevokedMarks, signal) => {
      const handle = readHandle(mark);
      calls.push(`revoke ${mark.target} ${mark.grant}`);
      await cloud.onCall('revoke', mark.grant, mark.target);
      if (mark.endsAt !== null && now() >= mark.endsAt)
        return { kind: 'gone', tidyAt: null, proof: 'its end has passed' };
      if (keeps === 'objects') {
        const effect = (): void => void (sessions = sessions.filter((one) => !belongs(one, handle)));
        await ask(howToday('revoke', mark.target), effect, signal);
        return { kind: 'gone', tidyAt: null, proof: 'removed' };
      }
      const rebuilt = new Set([...grantsAt(mark.target, await revoked()), mark.grant]);
      await ask(howToday('revoke', mark.target), () => void denials.set(mark.target, rebuilt), signal);
      return { kind: 'gone', tidyAt: mark.notAfter, proof: 'denied' };
    },
    tidy: async (mark, revoked) => {
      calls.push(`tidy ${mark.target} ${mark.grant}`);
      denials.set(mark.target, grantsAt(mark.target, await revoked()));
    },
    list: async ({ name }, signal) => {
      if (keeps === 'sessions') return [];
      await cloud.onCall('list', '', name);
      await ask(howToday('list', name), () => undefined, signal);
      return sessions
        .filter((one) => one.target === name && one.owner === owner && isLive(one))
        .map(({ grant, endsAt }) => ({
          grant,
          handle: canonicalJson({ v: 1, target: name, owner, grant }),
          name: grant,
          notAfter: endsAt,
        }));
    },
  });

  const cloud: FakeCloud = {
    calls,
    issuing: ['well'],
    revoking: ['well'],
    listing: ['well'],
    at: new Map(),
    onCall: () => undefined,
    strangers: new Set(),
    onIssued: () => undefined,
    works: (grant, where = {}) =>
      sessions.some(
        (one) =>
          one.grant === grant &&
          isLive(one) &&
          (where.target === undefined || one.target === where.target) &&
          (where.operation === undefined || one.permissions.some(({ operation }) => operation === where.operation)),
      ),
    isDenied: (grant) => [...denials.values()].some((grants) => grants.has(grant)),
    objects: () => [
      ...(keeps === 'sessions'
        ? []
        : sessions.filter(isLive).map(({ target: where, grant, owner }) => `${where} ${owner} ${grant}`)),
      ...[...denials].flatMap(([where, grants]) => [...grants].map((grant) => `denial at ${where} of ${grant}`)),
    ],
    wake: awake.resolve,
    remove: (grant) => {
      sessions = sessions.filter((one) => one.grant !== grant);
    },
    as: providerOf,
    provider: providerOf(OWNER),
  };
  return cloud;
}

/** Throws `ERR_OPERATION` and `ERR_RESOURCE`. */
function demandSound({ actions, resources }: Permission): void {
  for (const action of actions) {
    if (!ACTION.test(action)) throw new JitError({ code: 'ERR_OPERATION', message: 'no such action' });
  }
  if (resources.some((resource) => resource === '' || resource === '*')) {
    throw new JitError({ code: 'ERR_RESOURCE', message: 'no such resource' });
  }
}

type Place = Pick<Session, 'target' | 'owner' | 'grant'>;

const belongs = (one: Place, other: { readonly [K in keyof Place]: string }): boolean =>
  one.target === other.target && one.owner === other.owner && one.grant === other.grant;

function readHandle({ handle, grant }: Mark): { readonly [K in keyof Place]: string } {
  const read = parsed(handle);
  const isOwn =
    typeof read === 'object' && read !== null && 'v' in read && read.v === 1 && 'grant' in read && read.grant === grant;
  if (!isOwn || !('target' in read && 'owner' in read)) {
    throw new JitError({ code: 'ERR_UNEXPECTED', message: `the handle of ${grant} cannot be read` });
  }
  return { target: String(read.target), owner: String(read.owner), grant };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function grantsAt(place: string, marks: readonly Mark[]): ReadonlySet<string> {
  return new Set(marks.filter((mark) => mark.target === place).map(({ grant }) => grant));
}

export function target(name: string, provider: string): Target {
  return {
    name,
    provider,
    environment: 'test',
    sandbox: false,
    tool: { kind: 'aws', identity: 'issued', account: '111122223333', region: 'eu-west-1', endpoint: null },
  };
}
