/**
 * Role-based access control of the cluster for tests: who may do what, and that nobody can give what they do not have.
 * Source: kubernetes/kubernetes, plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac; Kubernetes documentation, "Using RBAC Authorization".
 * @module
 */
import { forbidden } from './status.ts';
import type { Store, Stored } from './store.ts';
import { typeOf } from './types.ts';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/** What somebody wants to do. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

/** Rights that every cluster gives to everybody whom it knows (`system:basic-user`). */
const EVERYBODY: readonly Rule[] = [
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    resourceNames: [],
  },
];

export interface Authorizer {
  allows(user: User, attributes: Attributes): boolean;
  /** Throws a 403 where a role or binding would give more than its maker has. @param namespace empty for the cluster's. */
  demandNoEscalation(
    user: User,
    object: unknown,
    made: { readonly resource: string; readonly namespace: string },
  ): void;
}

const RBAC = 'rbac.authorization.k8s.io';

export function authorizer(store: Store): Authorizer {
  const listed = (resource: string, namespace: string): readonly Stored[] => {
    const type = typeOf(RBAC, 'v1', resource);
    return type === undefined ? [] : store.list(type, { namespace, selector: '' });
  };
  const rulesOfRef = (ref: unknown, namespace: string): readonly Rule[] => {
    const [kind, name] = [text(ref, 'kind'), text(ref, 'name')];
    const type = typeOf(RBAC, 'v1', kind === 'Role' ? 'roles' : 'clusterroles');
    const role = type === undefined ? null : store.find({ type, namespace: kind === 'Role' ? namespace : '', name });
    return role === null ? [] : rulesIn(role);
  };
  /** Everything that somebody has in a namespace, or, with an empty one, in the cluster. */
  const rulesFor = (user: User, namespace: string): readonly Rule[] => {
    const own = (binding: Stored): boolean => list(binding, 'subjects').some((subject) => names(subject, user));
    return [
      ...EVERYBODY,
      ...listed('clusterrolebindings', '')
        .filter(own)
        .flatMap((binding) => rulesOfRef(binding['roleRef'], '')),
      ...(namespace === '' ? [] : listed('rolebindings', namespace))
        .filter(own)
        .flatMap((binding) => rulesOfRef(binding['roleRef'], namespace)),
    ];
  };
  const allows = (user: User, attributes: Attributes): boolean =>
    user.groups.includes('system:masters') ||
    rulesFor(user, attributes.namespace).some((rule) => permits(rule, attributes));

  return {
    allows,
    demandNoEscalation: (user, object, { resource, namespace }) => {
      const ask = { group: RBAC, resource, subresource: '', namespace };
      const isBinding = resource.endsWith('bindings');
      const ref = isBinding ? member(object, 'roleRef') : null;
      if (isBinding) {
        const kind = text(ref, 'kind') === 'Role' ? 'roles' : 'clusterroles';
        if (allows(user, { ...ask, resource: kind, verb: 'bind', name: text(ref, 'name') })) return;
      } else if (allows(user, { ...ask, verb: 'escalate', name: text(member(object, 'metadata'), 'name') })) return;
      const wanted = isBinding ? rulesOfRef(ref, namespace) : rulesIn(object);
      const held = rulesFor(user, namespace);
      const more = wanted.flatMap(single).filter((each) => !held.some((rule) => covers(rule, each)));
      if (more.length === 0) return;
      const what = `user "${user.name}" is attempting to grant RBAC permissions not currently held`;
      throw forbidden(`${resource} is forbidden: ${what}:\n${JSON.stringify(more)}`);
    },
  };
}

function permits(rule: Rule, { verb, group, resource, subresource, name }: Attributes): boolean {
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  const holds = (values: readonly string[], wanted: string): boolean => values.includes('*') || values.includes(wanted);
  return (
    holds(rule.verbs, verb) &&
    holds(rule.apiGroups, group) &&
    (holds(rule.resources, whole) || (subresource !== '' && rule.resources.includes(`*/${subresource}`))) &&
    // Empty for what has no name, such as a create: a rule with names does not permit that.
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(name))
  );
}

/** Rules of one verb, group, resource and name each. */
function single(rule: Rule): readonly Rule[] {
  const each: readonly (readonly string[])[] =
    rule.resourceNames.length === 0 ? [[]] : rule.resourceNames.map((name) => [name]);
  return rule.verbs.flatMap((verb) =>
    rule.apiGroups.flatMap((group) =>
      rule.resources.flatMap((resource) =>
        each.map((resourceNames) => ({ verbs: [verb], apiGroups: [group], resources: [resource], resourceNames })),
      ),
    ),
  );
}

function covers(held: Rule, wanted: Rule): boolean {
  const [resource = ''] = wanted.resources;
  const [, subresource] = resource.split('/');
  const has = (values: readonly string[], [value = '']: readonly string[]): boolean =>
    values.includes('*') || values.includes(value);
  return (
    has(held.verbs, wanted.verbs) &&
    has(held.apiGroups, wanted.apiGroups) &&
    (has(held.resources, [resource]) || (subresource !== undefined && held.resources.includes(`*/${subresource}`))) &&
    (held.resourceNames.length === 0 ||
      (wanted.resourceNames.length > 0 && wanted.resourceNames.every((name) => held.resourceNames.includes(name))))
  );
}

function names(subject: unknown, user: User): boolean {
  const name = text(subject, 'name');
  switch (text(subject, 'kind')) {
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${text(subject, 'namespace')}:${name}`;
    case 'Group':
      return user.groups.includes(name);
    default:
      return user.name === name;
  }
}

function rulesIn(role: unknown): readonly Rule[] {
  return list(role, 'rules').map((rule) => ({
    verbs: list(rule, 'verbs').map(String),
    apiGroups: list(rule, 'apiGroups').map(String),
    resources: list(rule, 'resources').map(String),
    resourceNames: list(rule, 'resourceNames').map(String),
  }));
}

export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

export function text(value: unknown, name: string): string {
  const found = member(value, name);
  return typeof found === 'string' ? found : '';
}

export function list(value: unknown, name: string): readonly unknown[] {
  const found = member(value, name);
  return Array.isArray(found) ? found : [];
}
