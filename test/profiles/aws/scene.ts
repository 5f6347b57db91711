/**
 * What the tests of the aws profile share: a home of its own, an entry, and random config files.
 * @module
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import { grantId } from '../../../src/core/ids.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { Secret } from '../../../src/core/secret.ts';
import type { ProfileDeps } from '../../../src/profiles/tool.ts';
import type { AwsFiles } from '../../../src/profiles/aws/names.ts';
import type { ProfileEntry, StaticEntry } from '../../../src/profiles/aws/write.ts';
import { ground } from '../../local/ground.ts';

export const NOW = Date.parse('2026-11-21T12:00:00Z');
export const grant = (n: number): GrantId => grantId(new Uint8Array(16).fill(n));

export interface Scene {
  readonly home: string;
  readonly files: AwsFiles;
  readonly deps: ProfileDeps;
}

export function scene(t: TestContext): Scene {
  const home = ground(t);
  const files = { config: join(home, '.aws', 'config'), credentials: join(home, '.aws', 'credentials') };
  return { home, files, deps: { locks: join(home, 'locks'), now: () => NOW } };
}

/** Writes a file of the scene, its folder included. */
export function given(path: string, content: string | Uint8Array, mode = 0o600): void {
  fs.mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  fs.writeFileSync(path, content, { mode });
}

export function entry(change: Partial<ProfileEntry> = {}): ProfileEntry {
  const command = { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' };
  return { name: 'jit-reports', grant: grant(1), expiresAt: NOW + 120_000, command, region: 'eu-west-1', ...change };
}

export function staticEntry(change: Partial<StaticEntry> = {}): StaticEntry {
  const keys = { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'abc/def+ghi=', sessionToken: 'tok//en==' };
  return { name: 'jit-reports', grant: grant(1), expiresAt: NOW + 120_000, credential: new Secret(keys), ...change };
}

const word = fc.stringMatching(/^[a-z_]{1,8}$/);
const eol = fc.constantFrom('\n', '\n', '\n', '\r\n', '\r');
const piece = fc.oneof(
  word.map((name) => `[profile ${name}]`),
  fc.constantFrom('[default]', '[__proto__]', '[profile "quoted name"]', '[ spaced ]', '[services x]', '[constructor]'),
  fc.tuple(word, fc.string({ maxLength: 12 })).map(([key, value]) => `${key} = ${value.replace(/[\r\n]/g, '')}`),
  fc.constantFrom(
    's3 =',
    '  max_concurrent_requests = 20',
    '\taddressing_style=path',
    '# a comment = with: signs',
    '; other',
    '',
    '   ',
  ),
  fc.constantFrom(
    'name: colon',
    'k=v ; not a comment',
    'k = ü €',
    'x = \xff\xfe',
    'half',
    '= nothing',
    '[open',
    'two words',
  ),
);

/** Files as people and programs leave them: most parse, some do not. latin1. */
export const anyConfig: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('', '', '', '\xef\xbb\xbf'),
    fc.constantFrom('[default]\n', '[default]\r\n', '', '# top\n'),
    fc.array(fc.tuple(piece, eol), { maxLength: 12 }),
    fc.constantFrom('', '', 'last = line', '[profile last]', '  ', '# end', '\r'),
  )
  .map(([mark, head, lines, tail]) => mark + head + lines.map((parts) => parts.join('')).join('') + tail);
