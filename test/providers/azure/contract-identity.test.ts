/**
 * The contract of all providers, where each grant has an identity of its own at Azure: the real SDK and a stand-in for the cloud.
 * @module
 */
import { providerContract } from '../contract/contract.ts';
import { openRig } from './rig.ts';
import { IDENTITY } from './support.ts';

providerContract('azure, identities of grants, privileged identity management', () =>
  openRig({ ...IDENTITY, assignment: 'pim' }, 'identity', 'pim'),
);
providerContract('azure, identities of grants, plain assignments', () => openRig(IDENTITY, 'identity', 'direct'));
