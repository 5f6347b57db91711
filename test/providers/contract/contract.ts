/**
 * The contract that every provider keeps, as tests: names, issuing, ends, disturbances, and what is found again.
 * @module
 */
import { after, afterEach, before, suite } from 'node:test';
import type { Target } from '../../../src/core/ports.ts';
import { endingTests } from './ending.ts';
import { issuingTests } from './issuing.ts';
import { leftoverTests } from './leftovers.ts';
import { namingTests } from './naming.ts';
import { outageTests } from './outages.ts';
import type { Rig } from './rig.ts';
import { sceneOf } from './scene.ts';
import type { Scene } from './scene.ts';

/** The rig and this test's own scene, for tests that are registered before either exists. */
export interface Ground<T extends Target> {
  rig(): Rig<T>;
  scene(): Scene<T>;
}

/**
 * Registers the tests. @param openRig called once; what it opened is closed at the end, and each test leaves the target as it
 * found it. `skip`: why it cannot be opened here.
 */
export function providerContract<T extends Target>(
  name: string,
  openRig: () => Promise<Rig<T>>,
  { skip = false }: { readonly skip?: string | false } = {},
): void {
  suite(`the contract of providers: ${name}`, { skip }, () => {
    let opened: Rig<T> | null = null;
    let scene: Scene<T> | null = null;
    const rig = (): Rig<T> => opened ?? missing();
    before(async () => {
      opened = await openRig();
    });
    afterEach(async () => {
      await scene?.clear();
      scene = null;
    });
    after(async () => {
      await opened?.close();
    });
    const ground: Ground<T> = { rig, scene: () => (scene ??= sceneOf(rig())) };
    namingTests(ground);
    issuingTests(ground);
    endingTests(ground);
    outageTests(ground);
    leftoverTests(ground);
  });
}

function missing(): never {
  throw new Error('the rig is not open');
}
