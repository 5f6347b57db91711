/**
 * The contract of all providers, kept by Kubernetes at a real API server with etcd; and that the cluster for tests is like it.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { conformanceTests } from '../fakes/kubernetes/conformance.ts';
import { providerContract } from '../providers/contract/contract.ts';
import { openGate } from '../providers/contract/http-gate.ts';
import { kubernetesRig } from '../providers/kubernetes/rig.ts';
import { openWorld } from '../providers/kubernetes/support.ts';
import { missingPeer, movedClock, orClose, startPeer } from './kubernetes/peer.ts';

const skip = missingPeer();

if (skip === false) {
  providerContract('kubernetes, at a real API server', async () => {
    const peer = await startPeer();
    const clock = movedClock();
    const { now } = clock;
    const status = (code: number, reason: string): string =>
      JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'no', reason, code });
    const type = 'application/json';
    const gate = await openGate(peer.plain, {
      throttled: { status: 429, type, body: status(429, 'TooManyRequests'), headers: { 'retry-after': '1' } },
      denied: { status: 403, type, body: status(403, 'Forbidden') },
    });
    const world = await orClose(peer, async () => await openWorld(peer.cluster, now));
    return await kubernetesRig(world, {
      server: gate.url,
      now,
      time: 'moved',
      passTo: async (at) => {
        clock.passTo(at);
        await peer.settled();
      },
      settled: peer.settled,
      calls: gate.calls,
      outage: gate.outage,
      endsByItself: { without: 'a token of a real server lives for ten minutes at least' },
      close: async () => {
        await gate.close();
        await peer.close();
      },
    });
  });

  suite('what jit relies on in an API server', () => {
    conformanceTests(async () => {
      const peer = await startPeer();
      return { cluster: peer.cluster, pass: async (ms) => await sleep(ms), settled: peer.settled, close: peer.close };
    });
  });
} else {
  test('the contract of providers at a real API server', { skip });
}
