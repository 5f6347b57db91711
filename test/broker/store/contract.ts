/**
 * What every store must do, whatever it is made of. A store's own test file calls `storeContract` with a way to open it.
 * @module
 */
import { describe, test } from 'node:test';
import type { SessionStore } from '../../../src/broker/store/sessions.ts';
import type { Store } from '../../../src/broker/store/store.ts';
import type { Check } from './contract/check.ts';
import { commitContract } from './contract/commit.ts';
import { forgetContract } from './contract/forget.ts';
import { lastKnownContract } from './contract/last-known.ts';
import { entriesContract, revokedContract } from './contract/log.ts';
import { openRequestsContract } from './contract/open-requests.ts';
import { outboxContract } from './contract/outbox.ts';
import { principalsContract } from './contract/principals.ts';
import { recordsContract } from './contract/records.ts';
import { requestsContract } from './contract/requests.ts';
import { sessionsContract } from './contract/sessions.ts';

export interface OpenedStore {
  readonly store: Store & SessionStore;
  /** Closes the store, if it is still open, and removes what it was made of. */
  readonly end: () => Promise<void>;
}

/** @param open gives an empty store. */
export function storeContract(name: string, open: () => Promise<OpenedStore>): void {
  const check: Check = (title, body) => {
    test(title, async () => {
      const { store, end } = await open();
      try {
        await body(store);
      } finally {
        await end();
      }
    });
  };
  describe(`${name}: requests and grants`, () => recordsContract(check));
  describe(`${name}: agents and people`, () => principalsContract(check));
  describe(`${name}: commit`, () => commitContract(check));
  describe(`${name}: requests that people decide`, () => requestsContract(check));
  describe(`${name}: open requests`, () => openRequestsContract(check));
  describe(`${name}: outbox`, () => outboxContract(check));
  describe(`${name}: revoked legs`, () => revokedContract(check));
  describe(`${name}: sessions`, () => sessionsContract(check));
  describe(`${name}: the last word on somebody`, () => lastKnownContract(check));
  describe(`${name}: forgetting sessions`, () => forgetContract(check));
  describe(`${name}: audit entries`, () => entriesContract(check));
}
