/**
 * The contract of all providers, where Azure gives the access to the requester: the real SDK and a stand-in for the cloud.
 * @module
 */
import { providerContract } from '../contract/contract.ts';
import { openRig } from './rig.ts';

providerContract('azure, the requester, plain assignments', () => openRig({}, 'requester', 'direct'));
providerContract('azure, the requester, privileged identity management', () =>
  openRig({ assignment: 'pim' }, 'requester', 'pim'),
);
