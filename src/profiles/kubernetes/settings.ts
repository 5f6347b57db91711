/**
 * What a broker says about a cluster, checked before any of it reaches a kubeconfig. Such a file can run programs, so of what
 * a broker sends only an address, a certificate and a namespace get there, each in its own narrow form.
 * @module
 */
import { posix, win32 } from 'node:path';
import type { ToolSettings } from '../../core/credential.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { GrantId } from '../../core/ids.ts';
import { localFault } from '../../local/fault.ts';
import { isAuthority } from '../certificates.ts';
import type { JitCommand } from '../tool.ts';

export interface Checked {
  readonly server: string;
  readonly authority: string | null;
  readonly namespace: string | null;
}

/** RFC 1123 label, as namespaces are. */
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const TARGET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Throws `ERR_TARGET` for a target of another kind, `ERR_CONFIG` naming the value that is not used: nothing is cleaned. */
export function checkSettings(tool: ToolSettings): Checked {
  if (tool.kind !== 'kubernetes') throw new JitError({ code: 'ERR_TARGET', message: 'that is not a cluster' });
  const { server, authority, namespace } = tool;
  if (!isServer(server)) throw bad('server', server, 'it must be like https://cluster.example.com:6443');
  if (namespace !== null && !NAMESPACE.test(namespace)) throw bad('namespace', namespace);
  if (authority !== null && !isAuthority(authority)) throw bad('authority', authority, 'it is no certificate in PEM');
  return { server, authority, namespace };
}

/** https alone, also on this machine: kubectl sends what a plugin gives it over TLS and not otherwise. */
function isServer(server: string): boolean {
  if (!/^https:\/\/[\x21-\x7e]{1,2000}$/.test(server) || !URL.canParse(server)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(server);
  if (/[?#@\\"'<>`{}|^]/.test(server) || `${username}${password}${search}${hash}` !== '') return false;
  return protocol === 'https:' && hostname !== '';
}

/** A name that is an argument of a program later. Throws `ERR_CONFIG`. */
export function checkTarget(target: string): string {
  if (TARGET.test(target)) return target;
  throw bad('name of a target', target);
}

/** How kubectl asks jit for a token; without a shell. */
export interface Plugin {
  readonly command: string;
  readonly args: readonly string[];
}

/** Throws `ERR_LOCAL_FILE` for a path that kubectl would look for elsewhere, or that cannot stand in such a file. */
export function pluginOf({ runtime, script }: JitCommand, grant: GrantId, target: string): Plugin {
  for (const path of [runtime, script]) {
    if ((posix.isAbsolute(path) || win32.isAbsolute(path)) && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(path)) continue;
    throw localFault(
      path,
      'this path cannot be written into a kubeconfig',
      'install jit and node under an absolute path without control characters',
    );
  }
  const args = [script, 'credential', grant, '--format', 'kubernetes', '--target', checkTarget(target)];
  return { command: runtime, args };
}

function bad(what: string, value: string, reason?: string): JitError {
  return new JitError({
    code: 'ERR_CONFIG',
    message: `not a usable ${what}: ${display(value, 100)}`,
    hint: reason ?? 'the target is configured so at the broker: tell whoever runs it',
  });
}
