/**
 * The objects of the cluster for tests, with the rules that a real one has for them: uids, versions, finalizers, selectors.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { badRequest, conflict, invalid, notFound, Refusal } from './status.ts';
import { TYPES, apiVersionOf } from './types.ts';
import type { ResourceType } from './types.ts';

export interface Meta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
}

/** Whatever else an object has is kept as it came. */
export interface Stored {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Meta;
  readonly [field: string]: unknown;
}

export interface Key {
  readonly type: ResourceType;
  /** Empty for what is in none. */
  readonly namespace: string;
  readonly name: string;
}

export interface Store {
  get(key: Key): Stored;
  find(key: Key): Stored | null;
  list(type: ResourceType, where: { readonly namespace: string; readonly selector: string }): readonly Stored[];
  create(key: Omit<Key, 'name'>, body: unknown): Stored;
  replace(key: Key, body: unknown): Stored;
  /** @param uid of the object that is meant, or undefined for whichever is there. */
  remove(key: Key, uid: string | undefined): Stored;
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const LABEL_KEY = /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

export function makeStore(now: () => number): Store {
  const objects = new Map<string, Stored>();
  let version = 0;
  const keyText = ({ type, namespace, name }: Key): string => `${type.group}/${type.resource}/${namespace}/${name}`;
  const put = (key: Key, object: Stored): Stored => {
    version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    objects.set(keyText(key), stored);
    return structuredClone(stored);
  };
  const find = (key: Key): Stored | null => {
    const found = objects.get(keyText(key));
    return found === undefined ? null : structuredClone(found);
  };
  const get = (key: Key): Stored => find(key) ?? missing(key);

  return {
    get,
    find,
    list: (type, { namespace, selector }) =>
      [...objects]
        .filter(([text]) => text.startsWith(`${type.group}/${type.resource}/`))
        .map(([, object]) => object)
        .filter(({ metadata }) => namespace === '' || metadata.namespace === namespace)
        .filter(({ metadata }) => matches(metadata.labels ?? {}, selector))
        .toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))
        .map((object) => structuredClone(object)),
    create: (where, body) => {
      const { metadata, ...rest } = readBody(body, where.type);
      const key = { ...where, name: typeof metadata['name'] === 'string' ? metadata['name'] : '' };
      if (key.name.length > 253 || !nameFits(key)) throw invalid(`metadata.name: ${key.name}`);
      const space = TYPES.find(({ group, resource }) => group === '' && resource === 'namespaces');
      if (where.namespace !== '' && space !== undefined) get({ type: space, namespace: '', name: where.namespace });
      if (find(key) !== null)
        throw new Refusal(409, 'AlreadyExists', `${where.type.resource} "${key.name}" already exists`);
      const own = {
        name: key.name,
        ...(where.namespace === '' ? {} : { namespace: where.namespace }),
        uid: randomUUID(),
        resourceVersion: '',
        creationTimestamp: new Date(Math.floor(now() / 1_000) * 1_000).toISOString().replace('.000', ''),
        ...marks(metadata),
      };
      return put(key, { ...rest, apiVersion: apiVersionOf(where.type), kind: where.type.kind, metadata: own });
    },
    replace: (key, body) => {
      const before = get(key);
      const { metadata, ...rest } = readBody(body, key.type);
      const same = (field: 'uid' | 'resourceVersion'): boolean =>
        metadata[field] === undefined || metadata[field] === '' || metadata[field] === before.metadata[field];
      if (!same('uid') || !same('resourceVersion')) {
        throw conflict(`the object has been modified; please apply your changes to the latest version and try again`);
      }
      if (key.type.kind.endsWith('RoleBinding') && !sameJson(before['roleRef'], rest['roleRef'])) {
        throw invalid('roleRef: cannot change roleRef');
      }
      if (before['immutable'] === true && (rest['immutable'] !== true || !sameJson(before['data'], rest['data']))) {
        throw invalid('data: field is immutable when `immutable` is set');
      }
      const { labels: _labels, annotations: _annotations, finalizers: _finalizers, ...fixed } = before.metadata;
      const merged = { ...fixed, ...marks(metadata) };
      const next = { ...rest, apiVersion: before.apiVersion, kind: before.kind, metadata: merged };
      if (sameJson(next, before)) return before;
      if (merged.deletionTimestamp !== undefined && (merged.finalizers ?? []).length === 0) {
        objects.delete(keyText(key));
        return next;
      }
      return put(key, next);
    },
    remove: (key, uid) => {
      const found = get(key);
      if (uid !== undefined && uid !== found.metadata.uid) {
        throw conflict(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${found.metadata.uid}`);
      }
      if ((found.metadata.finalizers ?? []).length === 0) {
        objects.delete(keyText(key));
        return found;
      }
      const deletionTimestamp = found.metadata.deletionTimestamp ?? new Date(now()).toISOString();
      return put(key, { ...found, metadata: { ...found.metadata, deletionTimestamp } });
    },
  };
}

/** Kinds of RBAC have the names of path segments, all others here DNS subdomains. */
function nameFits({ type, name }: Key): boolean {
  if (type.group !== 'rbac.authorization.k8s.io') return SUBDOMAIN.test(name);
  return name !== '' && name !== '.' && name !== '..' && !/[/%]/.test(name);
}

function readBody(body: unknown, type: ResourceType): Record<string, unknown> & { metadata: Record<string, unknown> } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badRequest('the body is no object');
  // An object of JSON has members of any kind.
  const { metadata, ...rest } = body as Record<string, unknown>;
  if (rest['kind'] !== undefined && rest['kind'] !== '' && rest['kind'] !== type.kind) throw badRequest('another kind');
  if (typeof metadata !== 'object' || metadata === null) throw invalid('metadata: Required value');
  return { ...rest, metadata: metadata as Record<string, unknown> };
}

function marks(metadata: Readonly<Record<string, unknown>>): Pick<Meta, 'labels' | 'annotations' | 'finalizers'> {
  const labels = texts(metadata['labels'], 'metadata.labels');
  for (const [key, value] of Object.entries(labels)) {
    if (!LABEL_KEY.test(key) || value.length > 63 || !LABEL_VALUE.test(value)) throw invalid(`metadata.labels: ${key}`);
  }
  const annotations = texts(metadata['annotations'], 'metadata.annotations');
  for (const key of Object.keys(annotations)) if (!LABEL_KEY.test(key)) throw invalid(`metadata.annotations: ${key}`);
  const finalizers = metadata['finalizers'];
  return {
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(Array.isArray(finalizers) && finalizers.length > 0 ? { finalizers: finalizers.map(String) } : {}),
  };
}

function texts(value: unknown, what: string): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') throw badRequest(what);
  return Object.fromEntries(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== 'string') throw badRequest(what);
      return [key, text];
    }),
  );
}

/** `a=b`, `a==b`, `a!=b`, `a` and `!a`, separated by commas. */
function matches(labels: Readonly<Record<string, string>>, selector: string): boolean {
  return selector
    .split(',')
    .filter((part) => part !== '')
    .every((part) => {
      const [, not = '', key = '', operator, value] = /^(!?)([^=!]+)(==?|!=)?(.*)$/.exec(part) ?? [];
      if (operator === undefined) return Object.hasOwn(labels, key) === (not === '');
      return operator === '!=' ? labels[key] !== value : labels[key] === value;
    });
}

const sortKey = ({ metadata }: Stored): string => `${metadata.namespace ?? ''}/${metadata.name}`;
const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

function missing({ type, name }: Key): never {
  throw notFound(`${type.resource} "${name}"`);
}
