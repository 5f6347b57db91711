/**
 * The program `jit-broker` as an operator runs it.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import type { Home } from '../support/home.ts';
import { type Ended, run } from '../support/run.ts';

export const LAUNCHER = join(import.meta.dirname, '..', '..', 'bin', 'jit-broker');

/** Runs it to its end, without a terminal, in the home. */
export async function broker(home: Home, ...args: readonly string[]): Promise<Ended> {
  return run(process.execPath, [LAUNCHER, ...args], { env: home.env, cwd: home.path });
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** @param ca makes it a call with TLS, to localhost. */
export async function get(port: number, path: string, host: string, ca?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port, path, headers: { host }, agent: false };
    const request =
      ca === undefined
        ? plainRequest({ ...options, host: '127.0.0.1' })
        : tlsRequest({ ...options, host: 'localhost', ca });
    request.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject).end();
  });
}

/** A broker that serves, and what it has logged so far. */
export interface Serving {
  readonly child: ChildProcess;
  readonly log: () => string;
}

/** Starts it and waits until it says that it is ready. */
export async function serve(t: TestContext, home: Home, args: readonly string[]): Promise<Serving> {
  const child = spawn(process.execPath, [LAUNCHER, 'serve', ...args], {
    env: home.env,
    cwd: home.path,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => (log += part));
  await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${log}`);
      return log.includes('"msg":"ready"');
    },
    { deadlineMs: 30_000 },
  );
  return { child, log: () => log };
}
