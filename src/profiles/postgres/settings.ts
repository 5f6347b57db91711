/**
 * What a broker says about a database, checked before any of it reaches a file or a variable that libpq reads.
 * @module
 */
import { isIP } from 'node:net';
import type { PostgresSettings, ToolSettings } from '../../core/credential.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { isAuthority } from '../certificates.ts';

/** Settings in which every value is what it claims to be. */
export interface Checked {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
  readonly tls: PostgresSettings['tls'];
  readonly authority: string | null;
}

// Without a comma, which would make several hosts of it, and without a leading @, an abstract socket.
const HOST = /^(?:\/[\w./@+-]{0,90}|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?|[0-9a-fA-F:.]{2,45})$/;
const LOCAL = /^(?:\/|127\.\d{1,3}\.\d{1,3}\.\d{1,3}$|localhost$|::1$)/;
const ROLE = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}$/;

/**
 * Throws `ERR_TARGET` for a target of another kind, `ERR_CONFIG` naming the value that is not used: nothing is cleaned.
 * @param external the login role.
 */
export function checkSettings(tool: ToolSettings, external: string): Checked {
  if (tool.kind !== 'postgres') throw new JitError({ code: 'ERR_TARGET', message: 'that is not a database' });
  const { host, port, tls, authority } = tool;
  const [database = ''] = tool.databases;
  if (!HOST.test(host) || (host.includes(':') && isIP(host) !== 6)) throw bad('host', host);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw bad('port', String(port));
  if (!isDatabase(database)) throw bad('database', database);
  if (!ROLE.test(external)) throw bad('login role', external);
  if (tls !== 'verify-full' && tls !== 'require' && tls !== 'disable') throw bad('tls', String(tls satisfies never));
  if (tls === 'disable' && !LOCAL.test(host)) {
    throw bad('tls', tls, `${display(host)} is another machine, and without tls everybody on the way reads along`);
  }
  if (authority !== null && !isAuthority(authority)) throw bad('authority', authority, 'it is no certificate in PEM');
  return { host, port: String(port), database, user: external, tls, authority };
}

/** libpq trims blanks at the end of a line, and some of its callers take such a name apart as a connection string. */
function isDatabase(name: string): boolean {
  return (
    /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}=]{1,63}$/u.test(name) &&
    Buffer.byteLength(name) <= 63 &&
    name.trim() === name &&
    !/^postgres(?:ql)?:\/\//.test(name)
  );
}

function bad(what: string, value: string, reason?: string): JitError {
  return new JitError({
    code: 'ERR_CONFIG',
    message: `not a usable ${what}: ${display(value, 100)}`,
    hint: reason ?? 'the target is configured so at the broker: tell whoever runs it',
  });
}
