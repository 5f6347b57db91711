/**
 * What the tests of the gcloud profile share: a home of its own, an entry, and what a command gets.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { GcpSettings } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { secretFile } from '../../../src/local/secret-files.ts';
import { gcloudPlaces } from '../../../src/profiles/gcp/places.ts';
import type { Access, Places, ProfileDeps, ProfileEntry } from '../../../src/profiles/tool.ts';
import { ground } from '../../local/ground.ts';

export const NOW = Date.parse('2026-11-21T12:00:00Z');
/** The keeper's, for the grant of a command. */
export const TOKEN = 'CANARY-token-of-the-keeper';
export const grant = (n: number): GrantId => grantId(new Uint8Array(16).fill(n));

export interface Scene {
  readonly home: string;
  /** gcloud's folder. */
  readonly folder: string;
  readonly places: Places;
  readonly deps: ProfileDeps;
  readonly run: string;
  /** The file of a configuration. */
  file(name: string): string;
}

export function scene(t: TestContext): Scene {
  const home = ground(t);
  const run = join(home, 'run');
  mkdirSync(run, { mode: 0o700 });
  const folder = join(home, '.config', 'gcloud');
  const places = gcloudPlaces({ HOME: home }, 'linux');
  const file = (name: string): string => join(folder, 'configurations', `config_${name}`);
  return { home, folder, places, run, file, deps: { locks: join(home, 'locks'), now: () => NOW } };
}

/** Writes a file of the scene, its folder included. */
export function given(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode: 0o600 });
}

export function settings(change: Partial<GcpSettings> = {}): GcpSettings {
  return { kind: 'gcp', identity: 'issued', project: 'acme-web-prod', endpoint: null, ...change };
}

export function entry({ run }: Pick<Scene, 'run'>, change: Partial<ProfileEntry> = {}): ProfileEntry {
  const of = change.grant ?? grant(1);
  return {
    name: 'jit-reports',
    grant: of,
    target: 'reports',
    expiresAt: NOW + 120_000,
    command: { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' },
    tool: settings(),
    external: `jit-${of.slice(3)}`,
    secretFile: secretFile(run, of, 'reports'),
    ...change,
  };
}

export function access(scene_: Pick<Scene, 'run'>, change: Partial<Access> = {}): Access {
  const { grant: of, target, tool, external, secretFile: file, command, expiresAt } = entry(scene_);
  const endpoint = { url: 'http://127.0.0.1:9/x', tokenFile: `${scene_.run}.token` };
  writeFileSync(endpoint.tokenFile, TOKEN, { mode: 0o600 });
  return { grant: of, target, tool, external, endpoint, secretFile: file, command, expiresAt, ...change };
}
