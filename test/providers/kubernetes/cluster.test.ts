/**
 * What grants can do in the cluster for tests, over TLS with an authority of its own, with the real kubectl.
 * @module
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'node:test';
import { fakeCluster } from '../../fakes/kubernetes/server.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { behaviourTests } from './behaviour.ts';
import { openWorld } from './support.ts';

suite('grants in the cluster for tests', () => {
  behaviourTests(async () => {
    let moved = 0;
    const now = (): number => Date.now() + moved;
    const folder = mkdtempSync(join(tmpdir(), 'jit-kubernetes-'));
    const { cert, key } = await makeCertificate(folder, 'cluster');
    const tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
    const fake = await fakeCluster({ now, tls });
    const world = await openWorld({ url: fake.url, authority: tls.cert, admin: fake.admin }, now);
    const passTo = async (at: number): Promise<void> => {
      moved = Math.max(moved, at - Date.now());
      await Promise.resolve();
    };
    return {
      world,
      now,
      passTo,
      wait: passTo,
      settled: async () => await Promise.resolve(),
      close: async () => {
        await world.close();
        await fake.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  });
});
