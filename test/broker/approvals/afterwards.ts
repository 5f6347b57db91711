/**
 * What has to be true of a request when a sequence is over, read from the audit log and from the cloud's own count.
 * @module
 */
import assert from 'node:assert/strict';
import type { Followed } from './commands.ts';
import { nameOf } from './people.ts';
import type { Case } from './reference.ts';
import type { Twins } from './twins.ts';

interface Entry {
  readonly type: string;
  readonly actor: 'broker' | { readonly issuer: string; readonly subject: string };
  readonly grant: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Entries that tell of a change of the request itself, and how it got there. */
const CHANGES: ReadonlyMap<string, readonly Case['state'][]> = new Map([
  ['request.voted', ['pending', 'approved', 'denied']],
  ['request.confirmed', ['approved']],
  ['request.cancelled', ['cancelled']],
  ['request.timed-out', ['timed-out']],
  ['request.judged-anew', ['pending', 'approved']],
  ['request.forbidden', ['denied']],
]);

export async function requireConsistent(twins: Twins, { id, read }: Followed): Promise<void> {
  const stored = (await twins.store.request(id)) ?? assert.fail();
  const found = await twins.store.entries({ request: id, from: 0, limit: 1_000 });
  const entries = found.map(({ line }): Entry => JSON.parse(line));
  const count = (type: string): number => entries.filter((one) => one.type === type).length;
  assert.deepEqual(
    entries.slice(0, 2).map(({ type }) => type),
    ['request.submitted', 'request.decided'],
  );

  const changes = entries.filter(({ type }) => CHANGES.has(type));
  let state = entries[1]?.data['state'];
  for (const { type, data } of changes) {
    assert.equal(data['from'], state, `${type} follows on what was before`);
    state = data['to'];
    assert.ok(
      CHANGES.get(type)?.some((one) => one === state),
      `${type} to ${String(state)}`,
    );
  }
  assert.equal(state, stored.decision.state);
  // Each standing that anybody could read is one that the log tells of, in the same order.
  const told = [entries[1]?.data['state'], ...changes.map(({ data }) => data['to'])];
  let at = 0;
  for (const standing of read) {
    while (at < told.length && told[at] !== standing.state) at++;
    assert.ok(at < told.length, `${standing.state} is nowhere in ${told.join()}`);
  }

  const votes = entries.filter(({ type }) => type === 'request.voted');
  assert.deepEqual(
    votes.map(({ actor, data }) => [
      actor === 'broker' ? actor : nameOf(actor),
      data['choice'],
      data['hash'],
      data['attended'],
    ]),
    stored.votes.map(({ voter, choice, attended }) => [
      nameOf(voter),
      choice,
      stored.hash,
      choice === 'deny' ? undefined : attended,
    ]),
  );

  const intended = entries.filter(({ type }) => type === 'grant.intended');
  assert.deepEqual(
    intended.map(({ grant }) => grant),
    stored.grant === null ? [] : [stored.grant],
  );
  const { target } = stored.request.permissions[0] ?? assert.fail();
  const issued = twins.cloud.calls.filter((call) => call === `issue ${target} ${stored.grant ?? ''}`).length;
  assert.equal(issued, count('grant.issued'));
  assert.equal(issued, count('grant.intended') + count('grant.reissue'));
  assert.ok(count('credential.delivered') <= issued);
}
