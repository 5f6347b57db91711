/**
 * Sessions to rows and back. Reading is strict: what is not exactly what was written is a `TypeError`, and no guess.
 * @module
 */
import { isSessionId } from '../../../core/ids.ts';
import type { Person, Principal } from '../../../core/principal.ts';
import { SESSION_ENDS, type StoredSession } from '../sessions.ts';
import { guarded, integer, orNull, type Row, text, word } from './cells.ts';

const KINDS = ['user', 'workload', 'agent'] as const;
const RENEWALS = ['on demand', 'fixed'] as const;
const SHA256 = /^[0-9a-f]{64}$/;

export function sessionCells(session: StoredSession) {
  const { id, provider, keyThumbprint, accessHash, accessUntil, refreshHash } = session;
  const { createdAt, expiresAt, verifiedAt, renewal, ended } = session;
  return {
    id,
    provider,
    principal: principalJson(session.principal),
    keyThumbprint,
    accessHash,
    accessUntil,
    refreshHash,
    createdAt,
    expiresAt,
    verifiedAt,
    renewal,
    endedAt: ended?.at ?? null,
    endedWhy: ended?.why ?? null,
  };
}

export function readSession(row: Row): StoredSession {
  return {
    id: guarded(isSessionId, row, 'id'),
    provider: text(row, 'provider'),
    principal: readPrincipal(JSON.parse(text(row, 'principal'))),
    keyThumbprint: text(row, 'key_thumbprint'),
    accessHash: sha256(row, 'access_hash'),
    accessUntil: integer(row, 'access_until'),
    refreshHash: orNull(sha256, row, 'refresh_hash'),
    createdAt: integer(row, 'created_at'),
    expiresAt: integer(row, 'expires_at'),
    verifiedAt: integer(row, 'verified_at'),
    renewal: word(RENEWALS, row, 'renewal'),
    ended: readEnd(row),
    version: integer(row, 'version'),
  };
}

/** Half an end is not read as none, which would bring the session back to life. */
function readEnd(row: Row): StoredSession['ended'] {
  if (row['ended_at'] === null && row['ended_why'] === null) return null;
  return { at: integer(row, 'ended_at'), why: word(SESSION_ENDS, row, 'ended_why') };
}

function sha256(row: Row, column: string): string {
  const value = text(row, column);
  if (SHA256.test(value)) return value;
  throw new TypeError(`column ${column}`);
}

export function principalJson({ kind, issuer, subject, name, groups, personKey, actsFor }: Principal): string {
  const itself = { kind, issuer, subject, name, groups, personKey };
  if (actsFor === undefined) return JSON.stringify(itself);
  const person = {
    kind: 'user',
    ...identity(actsFor),
    name: actsFor.name,
    groups: actsFor.groups,
    personKey: actsFor.personKey,
  };
  return JSON.stringify({ ...itself, actsFor: person });
}

const identity = ({ issuer, subject }: Person) => ({ issuer, subject });

export function readPrincipal(value: unknown): Principal {
  const { actsFor, ...itself } = members(value);
  const kind = KINDS.find((one) => one === itself['kind']);
  if (kind === undefined) throw new TypeError('column principal');
  const principal = { kind, ...readIdentity(itself) };
  return actsFor === undefined ? principal : { ...principal, actsFor: readPerson(actsFor) };
}

function readPerson(value: unknown): Person {
  const person = members(value);
  if (person['kind'] !== 'user') throw new TypeError('column principal');
  return { kind: 'user', ...readIdentity(person) };
}

/** Anything beyond the members of a principal is refused: it could mean something to whoever wrote it. */
function readIdentity(itself: Readonly<Record<string, unknown>>): Omit<Person, 'kind'> {
  const { kind: _, issuer, subject, name, groups, personKey, ...others } = itself;
  const known = typeof issuer === 'string' && typeof subject === 'string' && typeof name === 'string';
  if (!known || !Array.isArray(groups) || Object.keys(others).length > 0) throw new TypeError('column principal');
  const texts = groups.filter((one): one is string => typeof one === 'string');
  if (texts.length !== groups.length) throw new TypeError('column principal');
  if (personKey === undefined) return { issuer, subject, name, groups: texts };
  if (typeof personKey !== 'string') throw new TypeError('column principal');
  return { issuer, subject, name, groups: texts, personKey };
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('column principal');
  return Object.fromEntries(Object.entries(value));
}
