/**
 * What a request to an API server is about, read from method and path.
 * Source: kubernetes/apiserver, pkg/endpoints/request/requestinfo.go.
 * @module
 */
import { notFound } from './status.ts';
import { typeOf } from './types.ts';
import type { ResourceType } from './types.ts';

export interface RequestInfo {
  readonly type: ResourceType;
  readonly verb: string;
  /** Empty for none, and for all of them in a list. */
  readonly namespace: string;
  /** Empty for none. */
  readonly name: string;
  /** Empty for none. */
  readonly subresource: string;
  readonly query: URLSearchParams;
}

const BY_METHOD: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Throws a 404 for a path that no API has. */
export function readRequest(method: string, url: URL): RequestInfo {
  const parts = url.pathname
    .split('/')
    .slice(1)
    .map((part) => decodeURIComponent(part));
  const [root, ...after] = parts;
  const [group = '', version = '', ...rest] = root === 'api' ? ['', ...after] : after;
  if ((root !== 'api' && root !== 'apis') || rest.length === 0) throw notFound('the path');
  // `namespaces` itself is a resource too, with two subresources of its own.
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
  const [resource = '', pathName = '', subresource = ''] = inNamespace ? rest.slice(2) : rest;
  const type = typeOf(group, version, resource);
  if (type === undefined || (inNamespace && !type.namespaced)) throw notFound('the resource');
  if (subresource !== '' && type.subresources[subresource] === undefined) throw notFound('the subresource');
  const query = url.searchParams;
  const selected = /(?:^|,)metadata\.name==?([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
  const verb = verbOf(method, pathName, query);
  return {
    type,
    verb,
    namespace: inNamespace ? (rest[1] ?? '') : resource === 'namespaces' ? pathName : '',
    // RBAC sees the name that a list or a watch is narrowed to; a deletecollection has none.
    name: pathName === '' && (verb === 'list' || verb === 'watch') ? selected : pathName,
    subresource,
    query,
  };
}

function verbOf(method: string, name: string, query: URLSearchParams): string {
  const verb = BY_METHOD[method] ?? '';
  if (name !== '') return verb;
  if (verb === 'get') return ['1', 'true'].includes(query.get('watch') ?? '') ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}
