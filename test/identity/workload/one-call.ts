/**
 * One call of the Workload API and the one good answer to it, for tests of what comes between.
 * @module
 */
import assert from 'node:assert/strict';
import { type Fetched, fetchJwtSvids } from '../../../src/identity/workload/workload-api.ts';
import { eventually } from '../../support/eventually.ts';
import { framed, type RawAgent } from './raw-agents.ts';
import { AUDIENCE } from './support.ts';

const ID = 'spiffe://example.org/ci';
const TOKEN = 'the.only.token';

/** A field of the type string or of a message, shorter than 128 bytes. */
export function text(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

export const GOOD = framed(text(1, Buffer.concat([text(1, ID), text(2, TOKEN)])));
/** What is made of `GOOD`. */
export const DONE = { kind: 'svids', svids: [{ spiffeId: ID, token: TOKEN }] } as const;

/** One call, which must have closed its connection, and not because its time was over. */
export async function called(agent: RawAgent, what = ''): Promise<Fetched> {
  const signal = AbortSignal.timeout(20_000);
  const fetched = await fetchJwtSvids({
    address: { path: agent.path },
    audience: AUDIENCE,
    spiffeId: '',
    limitMs: 20_000,
    signal,
  });
  assert.ok(!signal.aborted, `it hangs ${what}`);
  await eventually(() => agent.open.size === 0);
  assert.equal(agent.connections(), 1);
  return fetched;
}
