/**
 * Tells people by e-mail, through a mail server of the operator's.
 * @module
 */
import type { Transporter } from 'nodemailer';
import type { Delivery, Notifier } from '../../core/notice.ts';
import type { Secret } from '../../core/secret.ts';
import { type Addresses, type Letter, letterOf } from './letter.ts';

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** `starttls` is insisted on; `none` is for this host itself. */
  readonly tls: 'starttls' | 'implicit' | 'none';
  /** PEM of the authorities to trust instead of the usual ones, or null. */
  readonly ca: string | null;
  readonly login: { readonly user: string; readonly password: Secret<string> } | null;
}

export interface EmailSettings extends Addresses {
  readonly name: string;
  readonly server: MailServer;
}

const TIMEOUT_MS = 10_000;

export function emailNotifier(settings: EmailSettings): Notifier {
  const { name, server } = settings;
  return {
    name,
    deliver: async (notice, _earlier, signal) => {
      const letter = letterOf(notice, settings);
      if (letter === null) return { kind: 'delivered', receipt: null };
      const transport = await connect(server);
      try {
        await send(transport, letter, signal);
        return { kind: 'delivered', receipt: null };
      } catch (thrown) {
        return failureOf(thrown);
      } finally {
        transport.close();
      }
    },
  };
}

async function connect({ host, port, tls, ca, login }: MailServer): Promise<Transporter> {
  // Lazily: most brokers send no mail.
  const { createTransport } = await import('nodemailer');
  return createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }) },
    ...(login === null ? {} : { auth: { type: 'login', user: login.user, pass: login.password.expose() } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
    logger: false,
  });
}

async function send(transport: Transporter, letter: Letter, signal: AbortSignal): Promise<void> {
  const { from, to, subject, text, urgent, messageId, thread } = letter;
  await transport.sendMail({
    // As objects, so that nothing is parsed out of an address.
    from: { name: '', address: from },
    to: to.map((address) => ({ name: '', address })),
    subject,
    text,
    messageId: `<${messageId}>`,
    references: `<${thread}>`,
    ...(urgent ? { priority: 'high' as const } : {}),
    // RFC 3834: nobody's holiday is announced to a broker.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
    signal,
  });
}

/** RFC 5321, section 4.2.1: a reply from 500 on is for good. Of the rest of what went wrong only the name is told. */
function failureOf(thrown: unknown): Delivery {
  const status = member(thrown, 'responseCode');
  const code = member(thrown, 'code');
  const named = typeof code === 'string' && /^[A-Z]{1,20}$/.test(code) ? ` (${code})` : '';
  if (typeof status !== 'number')
    return { kind: 'later', afterMs: null, problem: `the mail server was not reached${named}` };
  const problem = `the mail server answered ${status}${named}`;
  // What is said to the login or to STARTTLS is for the operator to mend, and not about this letter.
  const final = status >= 500 && (code === 'EENVELOPE' || code === 'EMESSAGE');
  return final ? { kind: 'refused', problem } : { kind: 'later', afterMs: null, problem };
}

function member(value: unknown, name: string): unknown {
  return value instanceof Error ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}
