/**
 * What the tests of the kubernetes profile share: a home of its own, an entry, and random kubeconfig files.
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import * as fc from 'fast-check';
import type { KubernetesSettings } from '../../../src/core/credential.ts';
import { grantId } from '../../../src/core/ids.ts';
import type { GrantId } from '../../../src/core/ids.ts';
import { secretFile } from '../../../src/local/secret-files.ts';
import type { Wanted } from '../../../src/profiles/kubernetes/entries.ts';
import type { Places, ProfileDeps, ProfileEntry } from '../../../src/profiles/tool.ts';
import { ground } from '../../local/ground.ts';

export const NOW = Date.parse('2026-11-21T12:00:00Z');
export const grant = (n: number): GrantId => grantId(new Uint8Array(16).fill(n));

export interface Scene {
  readonly home: string;
  readonly config: string;
  readonly places: Places;
  readonly deps: ProfileDeps;
  readonly run: string;
}

export function scene(t: TestContext): Scene {
  const home = ground(t);
  const config = join(home, '.kube', 'config');
  const run = join(home, 'run');
  mkdirSync(run, { mode: 0o700 });
  return { home, config, places: { kubeconfig: config }, run, deps: { locks: join(home, 'locks'), now: () => NOW } };
}

/** Writes a file of the scene, its folder included. */
export function given(path: string, content: string | Uint8Array, mode = 0o600): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, content, { mode });
}

export function settings(change: Partial<KubernetesSettings> = {}): KubernetesSettings {
  return { kind: 'kubernetes', server: 'https://k8s.example.com:6443', authority: null, namespace: 'shop', ...change };
}

export function entry({ run }: Pick<Scene, 'run'>, change: Partial<ProfileEntry> = {}): ProfileEntry {
  const of = change.grant ?? grant(1);
  return {
    name: 'jit-shop',
    grant: of,
    target: 'cluster',
    expiresAt: NOW + 120_000,
    command: { runtime: '/usr/bin/node', script: '/opt/jit/bin/jit' },
    tool: settings(),
    external: `jit-${of.slice(3)}`,
    secretFile: secretFile(run, of, 'cluster'),
    ...change,
  };
}

export function wanted(n: number, change: Partial<Wanted> = {}): Wanted {
  return {
    name: `jit-${n}`,
    grant: grant(n),
    expiresAt: NOW,
    server: 'https://k8s.example.com',
    authority: null,
    namespace: null,
    plugin: { command: '/usr/bin/node', args: ['/opt/jit', 'credential'] },
    ...change,
  };
}

/** A file as kubectl writes it. */
export const PLAIN = `apiVersion: v1
clusters:
- cluster:
    server: https://prod.example.com
  name: prod
contexts:
- context:
    cluster: prod
    user: me
  name: prod
current-context: prod
kind: Config
preferences: {}
users:
- name: me
  user:
    token: s3cr3t
`;

const EMPTY = ['', ' null', ' ~', ' []', ' # none', ' null # none', ' []   # none'];
const ITEMS = [
  '\n- name: a\n',
  '\n  - name: b # mine\n    x: {y: [1, 2]}\n',
  '\n# above\n- name: c\n  # in\n\n# behind\n',
  ' # here\n-   name: "d"\n    z: |+\n      text\n\n',
];
const OTHERS = [
  'apiVersion: v1',
  'kind: Config',
  'current-context: "a"',
  'preferences: {}',
  '# note\nx:\n  y: &k\n    - 1\n  z: *k',
  'text: |\n  # no comment\n  clusters: []',
  "\"q\": 'it''s'",
  '',
];

/** Files as people and programs leave them, all of which kubectl reads. */
export const anyKubeconfig: fc.Arbitrary<string> = fc
  .record({
    mark: fc.constantFrom('', '', '', '\ufeff', '# top\n', '---\n', '%YAML 1.2\n---\n'),
    lists: fc.tuple(
      ...['clusters', 'contexts', 'users'].map((key) =>
        fc.option(fc.constantFrom(...EMPTY, ...ITEMS).map((rest) => `${key}:${rest}`)),
      ),
    ),
    others: fc.shuffledSubarray(OTHERS),
    order: fc.infiniteStream(fc.nat(100)),
    end: fc.constantFrom('\n', '\n', '', '\n\n# end', '\n...\n'),
    eol: fc.constantFrom('\n', '\n', '\r\n'),
    margin: fc.constantFrom('', '', '  '),
  })
  .map(({ mark, lists, others, order, end, eol, margin }) => {
    const parts = [...lists.filter((list) => list !== null), ...others].map((text) => ({
      text,
      at: order.next().value ?? 0,
    }));
    const body = parts
      .toSorted((a, b) => a.at - b.at)
      .map(({ text }) => text.replace(/\n$/, ''))
      .join('\n');
    const text = `${mark.endsWith('---\n') || margin === '' ? mark : ''}${body.replaceAll(/^(?=.)/gm, margin)}${end}`;
    return text.replaceAll('\n', eol);
  });
