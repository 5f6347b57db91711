/**
 * An embedded broker whose owner is called to incidents that stand in a file, and has a rule for them.
 * @module
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { type Home, tempHome } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

const JIT = resolve('bin/jit');

/** The name of the one user of the broker. */
export const ME = 'robin';

/** Of `file`, as in src/incidents/file/form.ts. */
export interface Written {
  readonly id: string;
  readonly title?: string;
  readonly state?: 'open' | 'closed';
  readonly severity?: number;
  readonly services?: readonly string[];
  readonly responders?: readonly string[];
  readonly onCall?: readonly { readonly person: string; readonly tier: number }[];
}

export const MINE: Written = { id: 'INC-7', title: 'web is down', severity: 1, services: ['web'], responders: [ME] };

export interface Post {
  readonly home: Home;
  readonly jit: (...args: readonly string[]) => Promise<Ended>;
  /** Writes the file anew, at once, as an editor does. */
  readonly incidents: (list: readonly Written[]) => void;
  /** Makes the source give no answer. */
  readonly breakSource: () => void;
  /** What stands in ~/.aws/config; nothing where there is none. */
  readonly config: () => string;
}

/** For the incident's responders, up to severity 2, reading reports; with a warning for listing. */
const POLICY = `
@id("nothing-else") @tier("auto") @max("1h")
permit (principal, action == Jit::Action::"Request", resource) when { context.operation == "s3:DeleteObject" };
@id("read-in-emergency") @max("30m")
permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource)
when { context.operation == "s3:GetObject" && context.incident.responder && context.incident.severity <= 2 };
@id("list-in-emergency") @max("30m") @warn("6s")
permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource)
when { context.operation == "s3:ListBucket" && context.incident.responder };
@id("drill") @max("15m")
permit (principal is Jit::User, action == Jit::Action::"BreakGlass", resource)
when { resource.sandbox && context.incident.drill };
`;

export function onDuty(t: TestContext, list: readonly Written[]): Post {
  const bare = tempHome(t);
  const home: Home = { ...bare, env: { ...bare.env, USER: ME, LOGNAME: ME } };
  const folder = join(home.path, '.config', 'jit');
  mkdirSync(join(folder, 'rules'), { recursive: true, mode: 0o700 });
  const config = [
    'policies: ./rules',
    'incidents:',
    '  pager: { type: file, file: ./incidents.yaml }',
    'emergencies: { poll: 5s, reviews: 20, rate: { requests: 20 } }',
  ];
  writeFileSync(join(folder, 'broker.yaml'), `${config.join('\n')}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'rules', 'own.cedar'), POLICY, { mode: 0o600 });
  const file = join(folder, 'incidents.yaml');
  const incidents = (written: readonly Written[]): void => {
    const full = written.map((each) => ({ title: 'something is down', state: 'open', ...each }));
    writeFileSync(`${file}.new`, stringify({ incidents: full }), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  incidents(list);
  return {
    home,
    jit: async (...args) => run(process.execPath, [JIT, ...args], { env: home.env, cwd: home.path }),
    incidents,
    breakSource: () => chmodSync(file, 0o622),
    config: () => {
      const path = join(home.path, '.aws', 'config');
      return existsSync(path) ? readFileSync(path, 'utf8') : '';
    },
  };
}

export const READ = ['breakglass', 's3:GetObject', 'arn:aws:s3:::sandbox-reports/*'] as const;
export const LIST = ['breakglass', 's3:ListBucket', 'arn:aws:s3:::sandbox-reports'] as const;
export const TERMS = ['--for', '5m', '--reason', 'web is down'] as const;
export const INCIDENT = ['--incident', 'INC-7'] as const;
