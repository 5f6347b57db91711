/**
 * What the tests of Azure's profiles share: a home of its own, what the keeper has put there, an entry, and a command's access.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AzureSettings } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { secretFile } from '../../../src/local/secret-files.ts';
import { azureProfiles } from '../../../src/profiles/azure/tool.ts';
import type { Access, Places, ProfileDeps, ProfileEntry } from '../../../src/profiles/tool.ts';
import { ground } from '../../local/ground.ts';

export const NOW = Date.parse('2026-11-21T12:00:00Z');
export const TENANT = '0a11c0de-0000-4000-8000-00000000000a';
export const SUBSCRIPTION = '0a11c0de-0000-4000-8000-0000000000b1';
export const CLIENT = '0a11c0de-0000-4000-8000-0000000000c1';
export const grant = (n: number): GrantId => grantId(new Uint8Array(16).fill(n));

export interface Scene {
  readonly home: string;
  readonly run: string;
  readonly places: Places;
  readonly deps: ProfileDeps;
  /** The file of a profile. */
  file(name: string): string;
}

export function scene(t: TestContext): Scene {
  const home = ground(t);
  const run = join(home, 'run');
  mkdirSync(run, { mode: 0o700 });
  const places = azureProfiles.places({ HOME: home }, 'linux');
  const file = (name: string): string => join(home, '.azure', 'jit', `${name}.sh`);
  return { home, run, places, file, deps: { locks: join(home, 'locks'), now: () => NOW } };
}

export function settings(change: Partial<AzureSettings> = {}): AzureSettings {
  const places = { tenant: TENANT, subscription: SUBSCRIPTION, authority: null, endpoint: null };
  return { kind: 'azure', identity: 'issued', ...places, ...change };
}

/** A statement of the form that a broker signs. */
export function statement(claims: object = { client_id: CLIENT }): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'ES256' })}.${part({ sub: 'jit:x', ...claims })}.c2lnbmF0dXJlLWNhbmFyeQ`;
}

/** An entry, and what the keeper keeps for it. */
export function entry(
  { run }: Pick<Scene, 'run'>,
  change: Partial<ProfileEntry> = {},
  kept = statement(),
): ProfileEntry {
  const of = change.grant ?? grant(1);
  const file = secretFile(run, of, 'shop');
  writeFileSync(file, kept, { mode: 0o600 });
  return {
    name: 'jit-shop',
    grant: of,
    target: 'shop',
    expiresAt: NOW + 120_000,
    command: { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' },
    tool: settings(),
    external: `jit-${of.slice(3)}`,
    secretFile: file,
    ...change,
  };
}

export function access(from: Scene, change: Partial<ProfileEntry> = {}, kept = statement()): Access {
  const { name: _name, ...rest } = entry(from, change, kept);
  return { ...rest, endpoint: { url: 'http://127.0.0.1:1', tokenFile: '/none' } };
}
