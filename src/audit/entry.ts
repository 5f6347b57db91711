/**
 * One entry of the audit log: the exact bytes of one JSON line, and its leaf in an RFC 6962 Merkle tree.
 * @module
 */
import { createHash } from 'node:crypto';
import { type Canonical, canonicalJson } from '../core/canonical.ts';
import type { GrantId, RequestId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';

/** What happened, before it has a place in the log. Fields are chosen one by one: nothing is copied whole from a request. */
export interface AuditEvent {
  /** `request.…`, `grant.…` or `credential.…`. */
  readonly type: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly actor: Principal | 'broker';
  readonly request: RequestId | null;
  readonly grant: GrantId | null;
  readonly data: { readonly [key: string]: Canonical };
}

/**
 * @param sequence the entry's place, from 0.
 * @returns canonical JSON in one line, without a line end. Control characters are escaped by JSON itself.
 */
export function auditLine(sequence: number, event: AuditEvent): string {
  const { actor } = event;
  return canonicalJson({
    v: 1,
    seq: sequence,
    at: new Date(event.at).toISOString(),
    type: event.type,
    actor: actor === 'broker' ? { kind: 'broker' } : actorOf(actor),
    request: event.request,
    grant: event.grant,
    data: event.data,
  });
}

function actorOf({ kind, issuer, subject, actsFor }: Principal): Canonical {
  const own = { kind, issuer, subject };
  return actsFor === undefined ? own : { ...own, actsFor: { issuer: actsFor.issuer, subject: actsFor.subject } };
}

/** The Merkle leaf of RFC 6962 section 2.1: SHA-256 of a zero byte and the line's UTF-8 bytes. */
export function leafHash(line: string): Uint8Array {
  return createHash('sha256').update(Uint8Array.of(0)).update(line, 'utf8').digest();
}
