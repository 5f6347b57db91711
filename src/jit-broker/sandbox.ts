/**
 * Starts the sandbox on a thread of its own, as a cloud would be a machine of its own: it shares nothing with the broker,
 * and neither holds up the other.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Issuer } from '../broker/issuer/issuer.ts';
import type { Log } from '../broker/service/log.ts';
import { JitError } from '../core/errors.ts';
import { replaceFile } from '../local/atomic.ts';
import type { SandboxOrder, SandboxReport } from './sandbox-thread.ts';

export interface RunningSandbox {
  readonly url: string;
  close(): Promise<void>;
}

/** What AWS's own SDKs and documentation use as audience of a web identity. */
const AUDIENCE = 'sts.amazonaws.com';

/**
 * On the same port as last time where it is free: revocation handles and profiles of live grants name it.
 * @param state the broker's private folder.
 */
export async function openSandbox(state: string, issuer: Issuer, log: Log): Promise<RunningSandbox> {
  const file = join(state, 'sandbox-port');
  const text = await readFile(file, 'utf8').catch(() => '');
  const last = /^\d{4,5}$/.test(text) ? Number(text) : 0;
  const order = {
    state: join(state, 'sandbox.json'),
    issuer: { issuer: issuer.signer.issuer, audience: AUDIENCE, jwks: { keys: [...issuer.jwks().keys] } },
  };
  const started = await start({ ...order, port: last }).catch(async (thrown: unknown) => {
    if (last === 0) throw thrown;
    log.warn('the port of the sandbox is taken; live sandbox grants end at their time', { port: last });
    return start({ ...order, port: 0 });
  });
  if (started.port !== last) await replaceFile(file, Buffer.from(String(started.port)), { mode: 0o600 });
  started.worker.on('error', () => log.error('the sandbox has stopped'));
  return {
    url: started.url,
    close: async () => {
      await started.worker.terminate();
    },
  };
}

interface Started {
  readonly worker: Worker;
  readonly port: number;
  readonly url: string;
}

async function start(order: SandboxOrder): Promise<Started> {
  // The compiler rewrites imports and not this name.
  const name = import.meta.url.endsWith('.ts') ? './sandbox-thread.ts' : './sandbox-thread.js';
  const worker = new Worker(new URL(name, import.meta.url), { workerData: order });
  try {
    const report = await new Promise<SandboxReport>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    if (report.kind === 'failed') throw new JitError({ code: 'ERR_CONFIG', message: report.message });
    return { worker, port: report.port, url: report.url };
  } catch (thrown) {
    await worker.terminate();
    throw thrown;
  }
}
