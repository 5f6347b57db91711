/**
 * A session in words and as a document.
 * @module
 */
import { brokerName } from '../../client/ref.ts';
import type { SharedBroker } from '../../identity/session/record.ts';
import type { SessionView } from '../../wire/sessions.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { fact, record } from '../table.ts';
import { bothTimes } from '../time.ts';

export interface SessionReport {
  readonly ref: SharedBroker;
  readonly session: SessionView;
  /** The source of a workload's identity; null for people. */
  readonly source: string | null;
}

/** `{"schema":"jit.session/v1",…}`, or facts one below the other. @param more members of the document. */
export async function reportSession(
  { out, now }: Context,
  { ref, session, source }: SessionReport,
  format: Format,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { principal, provider, expiresAt, verifiedAt, id } = session;
  if (format === 'json') {
    const broker = { name: ref.name, url: ref.url.href };
    out.document('session', { ...more, broker, id, principal, provider, source, expiresAt, verifiedAt });
    return;
  }
  const { actsFor } = principal;
  const groups = (actsFor ?? principal).groups;
  await out.print(
    record(
      [
        fact('broker', `${brokerName(ref)} (${ref.url.href})`),
        fact('identity', `${principal.name} (${principal.kind})`, 'strong'),
        ...(actsFor === undefined ? [] : [fact('acts for', `${actsFor.name} (${actsFor.subject})`)]),
        fact('subject', principal.subject),
        fact('issuer', principal.issuer),
        fact('groups', groups.length === 0 ? 'none' : groups.join(', ')),
        fact('provider', source === null ? provider : `${provider}, by ${source}`),
        fact('until', bothTimes(Date.parse(expiresAt), now())),
      ],
      out.width,
    ),
  );
}
