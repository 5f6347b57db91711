/**
 * A cloud for tests of the broker: it issues, enforces ends and denials, and fails on demand. Its semantics are those of
 * the port, and `works` says what an attacker holding a credential could still do.
 * @module
 */
import { JitError } from '../../src/core/errors.ts';
import type { Mark, Order, Provider, RevokedMarks, Target } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';

export type Behaviour = 'well' | 'busy' | 'refuses' | 'breaks before' | 'breaks after' | 'hangs';

export interface FakeCloud {
  readonly provider: Provider;
  /** Every call, as `verb target grant`. */
  readonly calls: readonly string[];
  /** How the next calls go; the last one stays. */
  issuing: Behaviour[];
  revoking: Behaviour[];
  /** Called when the cloud is reached, before it answers. */
  onCall: (verb: string, grant: string, target: string) => void | Promise<void>;
  /** Whether any credential of this grant would be accepted now. */
  works(grant: string): boolean;
  /** Whether a denial of this grant is in place. */
  isDenied(grant: string): boolean;
}

/** No credential of this cloud lives longer. */
const SESSION_MS = 3_600_000;

interface Session {
  readonly target: string;
  readonly endsAt: number;
}

export function fakeCloud(now: () => number, kind = 'aws'): FakeCloud {
  const sessions = new Map<string, Session[]>();
  // By target, as a role's policy would be: rebuilding one leaves the others alone.
  const denials = new Map<string, ReadonlySet<string>>();
  const isDenied = (grant: string): boolean => [...denials.values()].some((grants) => grants.has(grant));
  const calls: string[] = [];
  const next = (plan: Behaviour[]): Behaviour => (plan.length > 1 ? plan.shift() : plan[0]) ?? 'well';

  async function behave(how: Behaviour, effect: () => void, signal: AbortSignal): Promise<void> {
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
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () =>
            reject(new JitError({ code: 'ERR_CLOUD_UNKNOWN', message: 'no answer' })),
          );
        });
    }
  }

  const cloud: FakeCloud = {
    calls,
    issuing: ['well'],
    revoking: ['well'],
    onCall: () => undefined,
    works: (grant) => !isDenied(grant) && (sessions.get(grant) ?? []).some(({ endsAt }) => endsAt > now()),
    isDenied,
    provider: {
      kind,
      parseTarget: (name) => target(name, kind),
      // Like AWS, this cloud does not care about the case of an action.
      assess: async (_, permission) => {
        const spell = (action: string): string => action.replace(/:./, (start) => start.toUpperCase());
        const [operation, actions] = [spell(permission.operation), permission.actions.map(spell)];
        return { permission: { ...permission, operation, actions }, assessment: { access: 'read', breadth: 'exact' } };
      },
      plan: async ({ name }, permissions) => ({
        target: name,
        permission: JSON.stringify(permissions),
        words: permissions.map(({ operation }) => operation),
        assessment: { access: 'read', breadth: 'exact' },
        floorSeconds: 900,
        residualSeconds: 0,
        revocation: { kind: 'immediate' },
      }),
      intend: ({ name }, order) => ({ handle: `${name} ${order.grant}`, notAfter: now() + SESSION_MS }),
      issue: async ({ name }, order: Order, signal) => {
        calls.push(`issue ${name} ${order.grant}`);
        await cloud.onCall('issue', order.grant, name);
        const session = { target: name, endsAt: Math.min(order.endsAt, now() + SESSION_MS) };
        const effect = (): void => void sessions.set(order.grant, [...(sessions.get(order.grant) ?? []), session]);
        await behave(next(cloud.issuing), effect, signal);
        const keys = {
          accessKeyId: 'ASIAFAKEFAKEFAKEFAKE',
          secretAccessKey: 'canary-secret-access-key',
          sessionToken: 'canary-session-token',
        };
        return { credential: { kind: 'aws', keys: new Secret(keys) }, notAfter: now() + SESSION_MS };
      },
      revoke: async (mark: Mark, revoked: RevokedMarks, signal) => {
        calls.push(`revoke ${mark.target} ${mark.grant}`);
        await cloud.onCall('revoke', mark.grant, mark.target);
        if (mark.endsAt !== null && now() >= mark.endsAt) return { kind: 'gone', tidyAt: null };
        const rebuilt = grantsAt(mark.target, await revoked());
        await behave(next(cloud.revoking), () => void denials.set(mark.target, rebuilt), signal);
        return { kind: 'gone', tidyAt: mark.notAfter };
      },
      tidy: async (mark, revoked) => {
        calls.push(`tidy ${mark.target} ${mark.grant}`);
        denials.set(mark.target, grantsAt(mark.target, await revoked()));
      },
    },
  };
  return cloud;
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
    tool: { kind: 'aws', account: '111122223333', region: 'eu-west-1', endpoint: null },
  };
}
