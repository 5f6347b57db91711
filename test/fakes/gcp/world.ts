/**
 * A Google Cloud in memory: projects with policies and their history, roles, service accounts, tokens and objects. It enforces
 * what it is told: bindings, conditions, boundaries, etags, limits, and the time that a change takes to arrive everywhere.
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { operatorsIn, parseCondition } from './cel.ts';
import type { Request } from './cel.ts';
import { Refusal } from './refusal.ts';
import { misfit } from './schema.ts';

export interface Expr {
  readonly title?: string;
  readonly description?: string;
  readonly expression?: string;
}

export interface PolicyBinding {
  readonly role: string;
  readonly members: readonly string[];
  readonly condition?: Expr;
}

export interface StoredPolicy {
  readonly bindings: readonly PolicyBinding[];
  readonly [field: string]: unknown;
}

export interface Rule {
  readonly availableResource: string;
  readonly availablePermissions: readonly string[];
  readonly availabilityCondition?: Expr;
}

/** Who a token speaks for. */
export interface Session {
  readonly member: string;
  /** Epoch ms. */
  readonly expiresAt: number;
  /** Null: everything that the member may do. */
  readonly rules: readonly Rule[] | null;
  /** Only what bindings with this title let through, so that one can be seen apart from another. Null: all of them. */
  readonly title: string | null;
}

interface Project {
  etag: number;
  /** With the moment at which each was written, epoch ms; the last is the one that is read. */
  readonly versions: { readonly at: number; readonly policy: StoredPolicy }[];
}

export interface World {
  readonly roles: Map<string, readonly string[]>;
  /** Members that may make tokens of an account. */
  readonly creators: Map<string, Set<string>>;
  readonly buckets: Map<string, { readonly project: string; readonly objects: ReadonlySet<string> }>;
  /** ms until a written policy counts. */
  spreadMs: number;
  /** Called before a write is compared with what stands, so that somebody else can be faster. */
  beforeWrite: (project: string) => void;
  makeProject(id: string, policy: StoredPolicy): void;
  removeProject(id: string): void;
  /** As an administrator sees it, without its etag. */
  policyOf(project: string): StoredPolicy;
  /** An administrator's own read, change and write. */
  edit(project: string, change: (policy: StoredPolicy) => StoredPolicy): void;
  read(project: string, version: number): Record<string, unknown>;
  write(project: string, policy: Record<string, unknown>): Record<string, unknown>;
  tokenFor(member: string, seconds: number, narrower?: Partial<Pick<Session, 'rules' | 'title'>>): string;
  isLive(token: string): boolean;
  session(token: string): Session;
  allows(
    session: Session,
    permission: string,
    project: string,
    about: Pick<Request, 'service' | 'name' | 'listPrefix'>,
  ): boolean;
}

const BASIC = ['roles/owner', 'roles/editor', 'roles/viewer'];
const MEMBER =
  /^(?:(?:user|serviceAccount|group):[a-z0-9._%+-]+@[a-z0-9.-]+|domain:[a-z0-9.-]+|allUsers|allAuthenticatedUsers|principal(?:Set)?:\/\/iam\.googleapis\.com\/.+)$/i;

export function makeWorld(now: () => number): World {
  const projects = new Map<string, Project>();
  const sessions = new Map<string, Session>();

  const projectOf = (id: string): Project => {
    const project = projects.get(id);
    // A project that is not there cannot be told from one that is not shown.
    if (project === undefined)
      throw new Refusal(403, 'PERMISSION_DENIED', `Permission denied on resource project ${id}.`);
    return project;
  };
  const current = (project: Project): StoredPolicy => project.versions.at(-1)?.policy ?? { bindings: [] };
  const etagOf = ({ etag }: Project): string => Buffer.from(`e${String(etag).padStart(8, '0')}`).toString('base64');

  const store = (project: Project, policy: StoredPolicy): void => {
    project.etag += 1;
    project.versions.push({ at: now(), policy });
  };

  const inEffect = (project: Project): StoredPolicy => {
    const [first] = project.versions;
    const arrived = project.versions.filter((version) => version === first || version.at + world.spreadMs <= now());
    return arrived.at(-1)?.policy ?? { bindings: [] };
  };

  const shown = (project: Project, version: number): Record<string, unknown> => {
    const policy = current(project);
    const conditional = policy.bindings.some(({ condition }) => condition !== undefined);
    if (version >= 3 || !conditional) {
      return { version: conditional ? 3 : 1, etag: etagOf(project), ...policy };
    }
    const bindings = policy.bindings.map(({ condition, role, members }) =>
      condition === undefined ? { role, members } : { role: `${role}_withcond_${digest(condition)}`, members },
    );
    return { version: 1, etag: etagOf(project), ...policy, bindings };
  };

  const world: World = {
    roles: new Map(),
    creators: new Map(),
    buckets: new Map(),
    spreadMs: 0,
    beforeWrite: () => undefined,
    makeProject: (id, policy) => {
      projects.set(id, { etag: 1, versions: [{ at: now(), policy }] });
    },
    removeProject: (id) => {
      projects.delete(id);
    },
    policyOf: (id) => current(projectOf(id)),
    edit: (id, change) => {
      const project = projectOf(id);
      store(project, change(current(project)));
    },
    read: (id, version) => shown(projectOf(id), version),
    write: (id, sent) => {
      const problem = misfit('cloudresourcemanager-v3', 'Policy', sent);
      if (problem !== null) throw invalid(problem);
      world.beforeWrite(id);
      const project = projectOf(id);
      const { etag, version, bindings: list } = sent;
      // The check against the schema has shown what it is.
      const bindings = (list ?? []) as readonly PolicyBinding[];
      if (etag !== undefined && etag !== etagOf(project)) {
        throw new Refusal(
          409,
          'ABORTED',
          'There were concurrent policy changes. Please retry the whole read-modify-write.',
        );
      }
      const before = current(project);
      if ([...bindings, ...before.bindings].some(({ condition }) => condition !== undefined) && version !== 3) {
        throw invalid('Policy version must be 3 where there are conditions.');
      }
      const merged = demandSound(bindings, world.roles);
      // Without an update mask only bindings and etag are taken.
      store(project, { ...before, bindings: merged });
      return shown(project, 3);
    },
    tokenFor: (member, seconds, { rules = null, title = null } = {}) => {
      const token = `ya29.${randomBytes(24).toString('base64url')}`;
      sessions.set(token, { member, expiresAt: now() + seconds * 1_000, rules, title });
      return token;
    },
    isLive: (token) => (sessions.get(token)?.expiresAt ?? 0) > now(),
    session: (token) => {
      const session = sessions.get(token);
      if (session === undefined || session.expiresAt <= now()) {
        throw new Refusal(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.');
      }
      return session;
    },
    allows: (session, permission, id, about) => {
      const request = { ...about, time: now() };
      const project = projects.get(id);
      if (project === undefined || !isWithin(session.rules, permission, request, world.roles)) return false;
      return inEffect(project).bindings.some(
        ({ role, members, condition }) =>
          (session.title === null || session.title === condition?.title) &&
          members.some((member) => member.toLowerCase() === session.member.toLowerCase()) &&
          (world.roles.get(role) ?? []).includes(permission) &&
          (condition === undefined || parseCondition(condition.expression ?? '')(request)),
      );
    },
  };
  return world;
}

/** As IAM checks a policy that it is given. */
function demandSound(
  bindings: readonly PolicyBinding[],
  roles: ReadonlyMap<string, unknown>,
): readonly PolicyBinding[] {
  const counted = new Map<string, number>();
  let members = 0;
  for (const binding of bindings) {
    if (!roles.has(binding.role) && !BASIC.includes(binding.role))
      throw invalid(`Role ${binding.role} is not supported for this resource.`);
    if (binding.members.length === 0) throw invalid('Each binding must have at least one member.');
    for (const member of binding.members) {
      if (!MEMBER.test(member)) throw invalid(`Invalid argument: '${member}'`);
      if (member.includes('nobody-by-that-name')) throw invalid(`User ${member} does not exist.`);
    }
    members += binding.members.length;
    const { condition } = binding;
    if (condition === undefined) continue;
    if (BASIC.includes(binding.role)) throw invalid('Conditions cannot be used with basic roles.');
    if ((condition.title ?? '') === '' || (condition.title ?? '').length > 100)
      throw invalid('A condition needs a title.');
    if ((condition.description ?? '').length > 256) throw invalid('The description is too long.');
    demandCondition(condition.expression ?? '');
    for (const member of binding.members) {
      const key = `${binding.role} ${member.toLowerCase()}`;
      counted.set(key, (counted.get(key) ?? 0) + 1);
      if ((counted.get(key) ?? 0) > 20) throw invalid('Too many conditional bindings for one role and principal.');
    }
  }
  if (members > 1_500) throw invalid('The number of principals in the policy exceeds 1,500.');
  return bindings.map((binding) => ({ ...binding, members: binding.members.map(normalized) }));
}

function demandCondition(expression: string): void {
  try {
    parseCondition(expression);
  } catch (thrown) {
    throw invalid(`Expression parsing error: ${String(thrown)}`);
  }
  if (operatorsIn(expression) > 12) throw invalid('Too many logical operators.');
}

/** IAM keeps addresses in lower case. */
function normalized(member: string): string {
  return /^(?:user|serviceAccount|group):/.test(member)
    ? member.toLowerCase().replace('serviceaccount:', 'serviceAccount:')
    : member;
}

function isWithin(
  rules: readonly Rule[] | null,
  permission: string,
  request: Request,
  roles: ReadonlyMap<string, readonly string[]>,
): boolean {
  if (rules === null) return true;
  return rules.some(({ availableResource, availablePermissions, availabilityCondition }) => {
    const start = availableResource.replace('//storage.googleapis.com/', '');
    const here = request.service === 'storage.googleapis.com' && `${request.name}/`.startsWith(`${start}/`);
    const expression = availabilityCondition?.expression;
    return (
      here &&
      availablePermissions.some((role) => (roles.get(role.replace('inRole:', '')) ?? []).includes(permission)) &&
      (expression === undefined || parseCondition(expression)(request))
    );
  });
}

function invalid(message: string): Refusal {
  return new Refusal(400, 'INVALID_ARGUMENT', message);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 20);
}
