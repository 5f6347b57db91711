/**
 * Kubernetes against a real API server with etcd: what grants can do, by the same tests that the cluster for tests has to pass.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { behaviourTests } from '../providers/kubernetes/behaviour.ts';
import { openWorld } from '../providers/kubernetes/support.ts';
import { missingPeer, movedClock, orClose, startPeer } from './kubernetes/peer.ts';

const skip = missingPeer();

if (skip === false) {
  suite('grants in a real cluster', () => {
    behaviourTests(async () => {
      const peer = await startPeer();
      const clock = movedClock();
      const world = await orClose(peer, async () => await openWorld(peer.cluster, clock.now));
      return {
        world,
        now: clock.now,
        passTo: async (at) => {
          clock.passTo(at);
          await Promise.resolve();
        },
        wait: async (at) => await sleep(Math.max(0, at - clock.now())),
        settled: peer.settled,
        close: async () => {
          await world.close();
          await peer.close();
        },
      };
    });
  });
} else {
  test('grants in a real cluster', { skip });
}
