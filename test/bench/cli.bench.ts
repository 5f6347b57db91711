/**
 * `jit credential` warm, `jit --help`, `jit --version` and `jit status`, each as a ratio to `node -e 0`; and the keeper's
 * loopback endpoint. Run it against the packed program: `node test/bench/cli.bench.ts [path of bin/jit]`.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { median, quantile, race } from './whole-process.ts';

const jit = resolve(process.argv[2] ?? 'bin/jit');
const rounds = Number(process.argv[3] ?? 30);
const home = mkdtempSync(join(tmpdir(), 'jit-bench-'));
const env = { PATH: process.env['PATH'], HOME: home };
const run = (...args: string[]): string => execFileSync(process.execPath, [jit, ...args], { env, encoding: 'utf8' });

try {
  const asked = run(
    'request',
    's3:GetObject',
    'arn:aws:s3:::sandbox-reports/*',
    '--for',
    '20m',
    '--reason',
    'bench',
    '--json',
  );
  const { grant }: { grant: { id: string } } = JSON.parse(asked);
  const node = process.execPath;
  const timings = race(
    [
      { name: 'jit credential', file: node, args: [jit, 'credential', grant.id, '--format', 'aws'] },
      { name: 'jit --version', file: node, args: [jit, '--version'] },
      { name: 'jit --help', file: node, args: [jit, '--help'] },
      { name: 'jit status', file: node, args: [jit, 'status'] },
    ],
    env,
    rounds,
  );
  for (const { name, medianMs, ratio } of timings) {
    process.stdout.write(`${name.padEnd(16)} ${medianMs.toFixed(1).padStart(7)} ms  ${ratio.toFixed(2)} × node -e 0\n`);
  }
  const variables: Record<string, string> = JSON.parse(run('env', grant.id, '--json')).variables;
  const url = variables['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? '';
  const token = readFileSync(variables['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '', 'utf8');
  const times: number[] = [];
  for (let index = 0; index < 300; index++) times.push(await ask(url, token));
  const warm = times.slice(50);
  process.stdout.write(
    `loopback endpoint  p50 ${median(warm).toFixed(2)} ms  p99 ${quantile(warm, 0.99).toFixed(2)} ms\n`,
  );
  run('revoke', '--all');
} finally {
  rmSync(home, { recursive: true, force: true });
}

async function ask(url: string, token: string): Promise<number> {
  const began = performance.now();
  await new Promise<void>((done, fail) => {
    // Without keep-alive, as SDKs call it.
    get(url, { headers: { authorization: token }, agent: false }, (response) => {
      if (response.statusCode !== 200) fail(new Error(`status ${response.statusCode}`));
      response.resume().on('end', () => done());
    }).on('error', fail);
  });
  return performance.now() - began;
}
