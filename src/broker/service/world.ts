/**
 * What the broker's use cases work with. Made once, in `src/jit-broker`.
 * @module
 */
import type { Clock, Provider, Random, Target } from '../../core/ports.ts';
import type { PolicySet } from '../../policy/load.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Store } from '../store/store.ts';
import type { Changes } from './changes.ts';
import type { Log } from './log.ts';

export interface World {
  readonly store: Store;
  readonly policy: PolicySet;
  readonly catalog: Catalog;
  readonly targets: ReadonlyMap<string, Target>;
  /** By kind. */
  readonly providers: ReadonlyMap<string, Provider>;
  readonly changes: Changes;
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
}
