/**
 * Appends to the audit log, in the transaction of what the entries are about.
 * @module
 */
import { type AuditEvent, auditLine, leafHash } from '../../../audit/entry.ts';
import { integer } from './cells.ts';
import type { Numbers } from './numbers.ts';
import type { Statements } from './statements.ts';

export function appendEntries(sql: Statements, numbers: Numbers, events: readonly AuditEvent[]): void {
  if (events.length === 0) return;
  const first = integer(sql('nextSequence').get() ?? {}, 'next');
  for (const [offset, event] of events.entries()) {
    const line = auditLine(first + offset, event);
    const request = event.request === null ? null : numbers.of(event.request);
    const grant = event.grant === null ? null : numbers.of(event.grant);
    sql('entryInsert').run({ seq: first + offset, request, grant, line, leaf: leafHash(line) });
  }
}
