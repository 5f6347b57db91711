/**
 * What the tests of the postgres profile share: a home of its own, an entry, and random service files.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import type { PostgresSettings } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { secretFile } from '../../../src/local/secret-files.ts';
import type { Places, ProfileDeps, ProfileEntry } from '../../../src/profiles/tool.ts';
import { ground } from '../../local/ground.ts';

export const NOW = Date.parse('2026-11-21T12:00:00Z');
export const grant = (n: number): GrantId => grantId(new Uint8Array(16).fill(n));

export interface Scene {
  readonly home: string;
  readonly services: string;
  readonly places: Places;
  readonly deps: ProfileDeps;
  readonly run: string;
}

export function scene(t: TestContext): Scene {
  const home = ground(t);
  const services = join(home, '.pg_service.conf');
  const run = join(home, 'run');
  mkdirSync(run, { mode: 0o700 });
  const places = { services, roots: join(home, '.postgresql', 'root.crt') };
  return { home, services, places, run, deps: { locks: join(home, 'locks'), now: () => NOW } };
}

/** Writes a file of the scene, its folder included. */
export function given(path: string, content: string | Uint8Array, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode });
}

export function settings(change: Partial<PostgresSettings> = {}): PostgresSettings {
  const [host, port, databases] = ['db.example.com', 5_432, ['shop', 'stock']];
  return { kind: 'postgres', host, port, databases, tls: 'require', authority: null, ...change };
}

export function entry({ run }: Pick<Scene, 'run'>, change: Partial<ProfileEntry> = {}): ProfileEntry {
  const of = change.grant ?? grant(1);
  return {
    name: 'jit-shop',
    grant: of,
    target: 'shop-db',
    expiresAt: NOW + 120_000,
    command: { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' },
    tool: settings(),
    external: `jit_${of.slice(3)}`,
    secretFile: secretFile(run, of, 'shop-db'),
    ...change,
  };
}

const word = fc.stringMatching(/^[a-z_]{1,8}$/);
const piece = fc.oneof(
  word.map((name) => `[${name}]`),
  fc.constantFrom('[]', '[__proto__]', '[two words]', '  [deeper]  ', '[a]b]', '[x] # why'),
  fc.tuple(word, fc.string({ maxLength: 12 })).map(([key, value]) => `${key}=${value.replaceAll(/[\n\0]/g, '')}`),
  fc.constantFrom('host=/var/run', 'options=-c x=y', '# a comment = with signs', '#', '', '   ', 'ldap://x/y?z'),
  fc.constantFrom('k = v', 'k=ü €', 'x=\xff\xfe', 'a\rb=c', 'half', '=nothing', '[open', 'two words'),
);

/** Files as people and programs leave them: most parse, some do not. latin1. */
export const anyServices: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '', '\xef\xbb\xbf', 'loose words\n'),
    fc.array(fc.tuple(piece, fc.constantFrom('\n', '\n', '\n', '\r\n')), { maxLength: 12 }),
    fc.constantFrom('', '', 'last=line', '[last]', '  ', '# end', '\r'),
  )
  .map(([head, lines, tail]) => head + lines.map((parts) => parts.join('')).join('') + tail);
