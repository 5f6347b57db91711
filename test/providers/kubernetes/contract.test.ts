/**
 * The contract of all providers, kept by Kubernetes against an API server for tests; the client in between is the real one.
 * @module
 */
import { fakeCluster } from '../../fakes/kubernetes/server.ts';
import { providerContract } from '../contract/contract.ts';
import { openGate } from '../contract/http-gate.ts';
import { kubernetesRig } from './rig.ts';
import { openWorld } from './support.ts';

const status = (code: number, reason: string): string =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'no', reason, code });

providerContract('kubernetes', async () => {
  let moved = 0;
  const now = (): number => Date.now() + moved;
  const fake = await fakeCluster({ now });
  const gate = await openGate(fake.url, {
    throttled: {
      status: 429,
      type: 'application/json',
      body: status(429, 'TooManyRequests'),
      headers: { 'retry-after': '1' },
    },
    denied: { status: 403, type: 'application/json', body: status(403, 'Forbidden') },
  });
  const world = await openWorld({ url: fake.url, authority: null, admin: fake.admin }, now);
  return kubernetesRig(world, {
    server: gate.url,
    now,
    time: 'moved',
    passTo: async (at) => {
      moved = Math.max(moved, at - Date.now());
      await Promise.resolve();
    },
    settled: async () => await Promise.resolve(),
    calls: gate.calls,
    outage: gate.outage,
    endsByItself: 'yes',
    close: async () => {
      await gate.close();
      await fake.close();
    },
  });
});
