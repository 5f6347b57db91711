/**
 * Complete request → credential cycles against the embedded broker and the sandbox, durable audit included: the most that
 * go through, then the latency at half of the bar. `node test/bench/cycles.bench.ts [path of bin/jit-broker] [seconds]`.
 * @module
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { openClient } from '../../src/client/client.ts';
import { localPaths } from '../../src/local/paths.ts';
import { quantile } from './whole-process.ts';

const launcher = resolve(process.argv[2] ?? 'bin/jit-broker');
const seconds = Number(process.argv[3] ?? 10);
const BAR = 300;
const home = mkdtempSync(join(tmpdir(), 'jit-bench-'));
const env = { PATH: process.env['PATH'], HOME: home };
const broker = spawn(process.execPath, [launcher, 'serve', '--embedded'], {
  env,
  stdio: ['ignore', 'ignore', 'ignore'],
});
const socket = localPaths(env, process.platform, process.getuid?.() ?? 0).brokerSocket;
const client = openClient({ kind: 'embedded', socket }, { userAgent: 'bench' });

try {
  for (let tries = 0; ; tries++) {
    const up = await client.health().then(
      () => true,
      () => false,
    );
    if (up) break;
    if (tries > 200) throw new Error('the broker did not start');
    await new Promise((done) => setTimeout(done, 50));
  }
  await flatOut(2);
  const most = await flatOut(seconds);
  process.stdout.write(`most: ${most.toFixed(0)} cycles/s (bar ${BAR}), 32 at once\n`);
  const paced = await steady(BAR / 2, seconds);
  const [p50, p99] = [quantile(paced, 0.5), quantile(paced, 0.99)];
  process.stdout.write(`at ${BAR / 2} cycles/s: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms (bar 30 ms)\n`);
} finally {
  client.close();
  broker.kill('SIGTERM');
  await new Promise((done) => broker.once('exit', done));
  rmSync(home, { recursive: true, force: true });
}

async function cycle(): Promise<void> {
  const resources = ['arn:aws:s3:::sandbox-reports/*'];
  const detail = { type: 'jit_access' as const, operation: 's3:GetObject', resources, target: 'sandbox' };
  const { grant } = await client.request(
    { authorization_details: [detail], seconds: 60, reason: 'bench' },
    randomUUID(),
  );
  if (grant === null) throw new Error('no grant');
  await client.credentials(grant.id);
}

async function flatOut(length: number): Promise<number> {
  const end = performance.now() + length * 1_000;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < end) {
      await cycle();
      done++;
    }
  };
  await Promise.all(Array.from({ length: 32 }, lane));
  return done / length;
}

/** Starts cycles at a fixed rate, whether or not earlier ones are done, and times each from its due moment. */
async function steady(rate: number, length: number): Promise<readonly number[]> {
  const began = performance.now();
  const times: number[] = [];
  const all: Promise<void>[] = [];
  for (let index = 0; index < rate * length; index++) {
    const due = began + (index * 1_000) / rate;
    const early = due - performance.now();
    if (early > 0) await new Promise((done) => setTimeout(done, early));
    all.push(cycle().then(() => void times.push(performance.now() - due)));
  }
  await Promise.all(all);
  return times;
}
