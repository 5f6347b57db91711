/**
 * The three entries of a profile: a cluster, a context and a user, each with jit's mark in the place that Kubernetes has for
 * what others add (`extensions`), which kubectl keeps when it writes the file anew.
 * @module
 */
import { createHash } from 'node:crypto';
import { isGrantId } from '../../core/ids.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Plain } from './emit.ts';
import type { Checked, Plugin } from './settings.ts';

/** The lists of a kubeconfig, and the key under which each of their items has its body. */
export const LISTS = { clusters: 'cluster', contexts: 'context', users: 'user' } as const;
export type ListName = keyof typeof LISTS;
/** In the order in which kubectl writes them. */
export const LIST_NAMES: readonly ListName[] = ['clusters', 'contexts', 'users'];

/** What jit writes above the lists into a file with nothing in it. */
export const HEAD: readonly string[] = ['apiVersion: v1', 'kind: Config'];

/** The name of jit's extension. */
export const EXTENSION = 'jit';

/** What stood in the place of a list: `list` items, `absent` not even its key, `document` nothing in the file, `file` no file. */
export const ORIGINS = ['list', 'absent', 'empty', 'null', '~', '[]', 'document', 'file'] as const;
export type Origin = (typeof ORIGINS)[number];

export interface Marker {
  readonly grant: GrantId;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  /** As jit called it. */
  readonly profile: string;
  readonly origin: Origin;
  /** Whether the line of the list's key had no end, being the last of the file. */
  readonly open: boolean;
  /** A digest for each key that jit wrote into the body. */
  readonly own: ReadonlyMap<string, string>;
}

/** A profile to have in a file. */
export interface Wanted extends Checked {
  readonly name: string;
  readonly grant: GrantId;
  readonly expiresAt: number;
  readonly plugin: Plugin;
}

/** The bodies, without the mark. */
export function bodiesOf({
  name,
  server,
  authority,
  namespace,
  plugin,
}: Wanted): Readonly<Record<ListName, { readonly [key: string]: Plain }>> {
  const certificate =
    authority === null ? {} : { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
  return {
    clusters: { ...certificate, server },
    contexts: { cluster: name, ...(namespace === null ? {} : { namespace }), user: name },
    users: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        args: plugin.args,
        command: plugin.command,
        interactiveMode: 'Never',
        provideClusterInfo: false,
      },
    },
  };
}

/** An item of the list, ready to be written. */
export function itemOf(list: ListName, wanted: Wanted, place: Pick<Marker, 'origin' | 'open'>): Plain {
  const body = bodiesOf(wanted)[list];
  // One text rather than keys, for scripts look for `server:` in such a file.
  const own = Object.entries(body)
    .filter(([key]) => !isAnybodys(list, key))
    .map(([key, value]) => `${key}=${digest(wanted.grant, list, key, value)}`)
    .join(' ');
  const extension = {
    ends: new Date(wanted.expiresAt).toISOString(),
    grant: wanted.grant,
    open: place.open,
    origin: place.origin,
    own,
    profile: wanted.name,
  };
  const marked = { ...body, extensions: [{ extension, name: EXTENSION }] };
  // Sorted, as kubectl does it.
  const sorted = Object.fromEntries(Object.entries(marked).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return list === 'users' ? { name: wanted.name, user: sorted } : { [LISTS[list]]: sorted, name: wanted.name };
}

/** A digest ties a value to its grant and its place, so that what is copied elsewhere is not taken for jit's own there. */
export function digest(grant: GrantId, list: ListName, key: string, value: unknown): string {
  return createHash('sha256')
    .update(`${grant}\n${list}\n${key}\n${canonical(value)}`)
    .digest('hex')
    .slice(0, 12);
}

/** kubectl writes `null` for what is not there, and sorts keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (!isRecord(inner)) return inner;
    const entries = Object.entries(inner).filter(([, each]) => each !== null);
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** The namespace of a context is changed in passing (`kubectl config set-context --namespace`) and is no reason to keep one. */
export function isAnybodys(list: ListName, key: string): boolean {
  return list === 'contexts' && key === 'namespace';
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null for whatever is no mark of jit's. */
export function readMarker(extension: unknown): Marker | null {
  if (!isRecord(extension)) return null;
  const { grant, ends, profile, origin, open, own } = extension;
  const expiresAt = typeof ends === 'string' ? Date.parse(ends) : Number.NaN;
  const known = ORIGINS.find((each) => each === origin);
  if (typeof grant !== 'string' || !isGrantId(grant) || Number.isNaN(expiresAt) || known === undefined) return null;
  if (typeof profile !== 'string' || typeof own !== 'string') return null;
  const digests = [...own.matchAll(/([\w-]+)=([0-9a-f]{12})(?= |$)/g)].map(
    ([, key = '', value = '']) => [key, value] as const,
  );
  return { grant, expiresAt, profile, origin: known, open: open === true, own: new Map(digests) };
}
