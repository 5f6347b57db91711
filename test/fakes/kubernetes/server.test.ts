/**
 * The cluster for tests is like a real one in what jit relies on.
 * @module
 */
import { suite } from 'node:test';
import { conformanceTests } from './conformance.ts';
import { fakeCluster } from './server.ts';

suite('the cluster for tests', () => {
  conformanceTests(async () => {
    let moved = 0;
    const fake = await fakeCluster({ now: () => Date.now() + moved });
    return {
      cluster: { url: fake.url, authority: null, admin: fake.admin },
      pass: async (ms) => {
        moved += ms;
        await Promise.resolve();
      },
      settled: async () => await Promise.resolve(),
      close: fake.close,
    };
  });
});
