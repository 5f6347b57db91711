/**
 * Carries out an authorised request in the cluster for tests.
 * @module
 */
import { list, member, text } from './rbac.ts';
import type { Authorizer, User } from './rbac.ts';
import type { RequestInfo } from './request.ts';
import { Refusal, badRequest, invalid } from './status.ts';
import type { Key, Store, Stored } from './store.ts';
import type { Tokens } from './tokens.ts';
import { apiVersionOf } from './types.ts';

export interface Answer {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Api {
  readonly store: Store;
  readonly tokens: Tokens;
  readonly access: Authorizer;
  /** What an admission rule makes of an object. */
  admit(resource: string, object: Stored): Stored;
}

interface Sent {
  readonly method: string;
  readonly text: string;
}

const RBAC = 'rbac.authorization.k8s.io';

/** Throws a `Refusal`. */
export function perform(api: Api, user: User, info: RequestInfo, sent: Sent): Answer {
  const { type, verb, namespace, name } = info;
  if (type.group === 'authentication.k8s.io' || type.group === 'authorization.k8s.io') return review(api, user, sent);
  if (info.subresource !== '') return subresource(api, info, sent);
  const key: Key = { type, namespace: type.namespaced ? namespace : '', name };
  const { store } = api;
  switch (verb) {
    case 'get':
      return { status: 200, body: store.get(key) };
    case 'list':
      return { status: 200, body: listed(api, info) };
    case 'watch':
      // It ends at once, as one does whose time is over.
      return { status: 200, body: '' };
    case 'create': {
      const object = admitted(api, user, info, parsed(sent));
      return { status: 201, body: store.create(key, object) };
    }
    case 'update': {
      const body = parsed(sent);
      if (text(member(body, 'metadata'), 'name') !== name)
        throw badRequest('the name of the object does not match the URL');
      return { status: 200, body: store.replace(key, admitted(api, user, info, body)) };
    }
    case 'patch': {
      const { apiVersion: _version, kind: _kind, ...before } = store.get(key);
      const next = merged(before, parsed(sent));
      return { status: 200, body: store.replace(key, admitted(api, user, info, next)) };
    }
    case 'delete': {
      const options = sent.text === '' ? {} : parsed(sent);
      const uid = text(member(options, 'preconditions'), 'uid');
      const trying = list(options, 'dryRun').length > 0 || info.query.has('dryRun');
      const object = trying ? store.get(key) : store.remove(key, uid === '' ? undefined : uid);
      // Some kinds answer with the object, others with a word.
      const answersObject = object.metadata.deletionTimestamp !== undefined || type.resource === 'serviceaccounts';
      return { status: 200, body: answersObject ? object : success(object) };
    }
    case 'deletecollection': {
      const all = store.list(type, { namespace: key.namespace, selector: info.query.get('labelSelector') ?? '' });
      for (const { metadata } of all) {
        store.remove({ type, namespace: metadata.namespace ?? '', name: metadata.name }, undefined);
      }
      return { status: 200, body: { kind: 'Status', apiVersion: 'v1', status: 'Success' } };
    }
    default:
      throw new Refusal(405, 'MethodNotAllowed', `${verb} is not there`);
  }
}

function admitted(api: Api, user: User, info: RequestInfo, object: unknown): unknown {
  const { type, namespace } = info;
  if (type.group === RBAC) api.access.demandNoEscalation(user, object, { resource: type.resource, namespace });
  // An admission rule sees what the server would store, which has the members of an object.
  return api.admit(type.resource, object as Stored);
}

/** In pages of `limit`, each told where the last one ended. */
function listed({ store }: Api, { type, namespace, name, query }: RequestInfo): object {
  const selector = query.get('labelSelector') ?? '';
  const all = store
    .list(type, { namespace: type.namespaced ? namespace : '', selector })
    .filter(({ metadata }) => name === '' || metadata.name === name);
  const limit = Number(query.get('limit') ?? 0);
  const start = Number(query.get('continue') ?? 0);
  const end = limit > 0 ? start + limit : all.length;
  const next = end < all.length ? { continue: String(end), remainingItemCount: all.length - end } : {};
  return {
    kind: `${type.kind}List`,
    apiVersion: apiVersionOf(type),
    metadata: { resourceVersion: '1', ...next },
    items: all.slice(start, end),
  };
}

function subresource(api: Api, info: RequestInfo, sent: Sent): Answer {
  const { type, namespace, name, verb } = info;
  const key: Key = { type, namespace: type.namespaced ? namespace : '', name };
  switch (`${type.resource}/${info.subresource}`) {
    case 'serviceaccounts/token':
      return { status: 201, body: api.tokens.issue(namespace, name, parsed(sent)) };
    case 'pods/log':
      return { status: 200, body: `log of ${api.store.get(key).metadata.name}\n` };
    case 'pods/eviction':
      api.store.remove(key, undefined);
      return { status: 201, body: { kind: 'Status', apiVersion: 'v1', status: 'Success' } };
    case 'pods/exec':
    case 'pods/attach':
    case 'pods/portforward':
      // There is no container behind it; whoever comes this far was let in.
      api.store.get(key);
      throw new Refusal(400, 'BadRequest', 'Upgrade request required');
    case 'deployments/scale':
    case 'statefulsets/scale':
      return { status: 200, body: scaled(api, key, verb, sent) };
    default:
      throw new Refusal(501, 'NotImplemented', `${type.resource}/${info.subresource} is not here`);
  }
}

function scaled({ store }: Api, key: Key, verb: string, sent: Sent): object {
  const found = store.get(key);
  const now = member(found['spec'], 'replicas') ?? 1;
  const asked = verb === 'get' ? now : (member(member(parsed(sent), 'spec'), 'replicas') ?? now);
  if (typeof asked !== 'number' || asked < 0) throw invalid('spec.replicas');
  if (verb !== 'get') store.replace(key, { ...found, spec: { ...object(found['spec']), replicas: asked } });
  const { name, namespace = '' } = found.metadata;
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace }, spec: { replicas: asked } };
}

function review(api: Api, user: User, sent: Sent): Answer {
  const body = parsed(sent);
  const spec = member(body, 'spec');
  const [apiVersion, kind] = [text(body, 'apiVersion'), text(body, 'kind')];
  if (kind === 'TokenReview') {
    const found = api.tokens.authenticate(text(spec, 'token'));
    const status = found === null ? { authenticated: false } : { authenticated: true, user: { username: found.name } };
    return { status: 201, body: { apiVersion, kind, spec, status } };
  }
  const asked = member(spec, 'resourceAttributes');
  const attributes = {
    verb: text(asked, 'verb'),
    group: text(asked, 'group'),
    resource: text(asked, 'resource'),
    subresource: text(asked, 'subresource'),
    namespace: text(asked, 'namespace'),
    name: text(asked, 'name'),
  };
  return { status: 201, body: { apiVersion, kind, spec, status: { allowed: api.access.allows(user, attributes) } } };
}

function success({ kind, metadata }: Stored): object {
  const details = { name: metadata.name, kind: kind.toLowerCase(), uid: metadata.uid };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
}

function parsed(sent: Sent): unknown {
  try {
    return JSON.parse(sent.text);
  } catch {
    throw badRequest('the body is not JSON');
  }
}

const object = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

/** JSON merge patch, RFC 7396. */
function merged(before: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...object(before) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value);
  }
  return result;
}
