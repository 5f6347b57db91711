/**
 * Where the identity provider of the tests keeps what it issued, so that a test can take it away.
 * @module
 */
import type { Adapter, AdapterPayload } from 'oidc-provider';

export interface IdpStore {
  adapter(model: string): Adapter;
  /** Forgets every grant, token and session of an account. */
  forget(subject: string): void;
}

export function makeIdpStore(): IdpStore {
  const rows = new Map<string, AdapterPayload>();

  function find(model: string, matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    return [...rows].find(([key, payload]) => key.startsWith(`${model}:`) && matches(payload))?.[1];
  }

  function remove(matches: (payload: AdapterPayload) => boolean): void {
    for (const [key, payload] of rows) if (matches(payload)) rows.delete(key);
  }

  // The provider judges expiry by itself, from `exp` in the payload.
  const adapter = (model: string): Adapter => ({
    upsert: async (id, payload) => void rows.set(`${model}:${id}`, payload),
    find: async (id) => rows.get(`${model}:${id}`),
    findByUserCode: async (userCode) => find(model, (payload) => payload.userCode === userCode),
    findByUid: async (uid) => find(model, (payload) => payload.uid === uid),
    consume: async (id) => {
      const payload = rows.get(`${model}:${id}`);
      if (payload !== undefined) payload['consumed'] = Math.floor(Date.now() / 1_000);
    },
    destroy: async (id) => void rows.delete(`${model}:${id}`),
    revokeByGrantId: async (grantId) => remove((payload) => payload.grantId === grantId),
  });
  return { adapter, forget: (subject) => remove((payload) => payload.accountId === subject) };
}
