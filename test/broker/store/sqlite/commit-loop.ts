/**
 * A process of its own that lives to be killed: commits whole lives of grants, several at once, and writes `number version`
 * to stdout after each commit that was acknowledged. Arguments: the store's file, the first number, how many lives at once,
 * how many lives each of them takes before it ends by itself, and whether it kills itself (`die`) at a refused commit.
 * @module
 */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../../../src/broker/store/sqlite/store.ts';
import type { Change } from '../../../../src/broker/store/store.ts';
import { now } from '../places.ts';
import { approval, event, gr, START } from '../samples.ts';

const [file = '', first = '0', atOnce = '1', lives = '1', atFailure = 'go-on'] = process.argv.slice(2);
const store = await openSqliteStore({ file, now, reserveBytes: 0 });
let next = Number(first);

/** Commit `version` of a grant: one audit entry about it, one effect done, others set. */
function step(number: number, version: number): Change {
  const change = approval({ number });
  const entry = event('grant.moved', { grant: gr(number), data: { version } });
  const move = (state: typeof change.grant.grant.state) => ({
    grant: { ...change.grant, version: version - 1, grant: { ...change.grant.grant, state } },
    entries: [entry],
  });
  const done = (kind: 'issue' | 'revoke', target: string) => ({ grant: gr(number), kind, target });
  const plain = { dueAt: START, claimedUntil: null };
  switch (version) {
    case 1:
      return { ...change, entries: [entry] };
    case 2:
      return {
        ...move({ name: 'active', issuedAt: START, expiresAt: START + 1, cut: null }),
        done: done('issue', 'prod'),
        effects: [{ kind: 'expire', ...plain }],
      };
    case 3:
      return {
        ...move({ name: 'revoking', reason: 'revoked', since: START }),
        effects: [{ kind: 'revoke', target: 'prod', ...plain }],
      };
    default:
      return { ...move({ name: 'closed', reason: 'revoked', closedAt: START }), done: done('revoke', 'prod') };
  }
}

async function live(): Promise<void> {
  for (let life = 0; life < Number(lives); life++) {
    const number = next++;
    for (const version of [1, 2, 3, 4]) {
      try {
        await store.commit(step(number, version));
        writeSync(1, `${number} ${version}\n`);
      } catch (thrown) {
        writeSync(
          1,
          `${number} failed ${thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown'}\n`,
        );
        if (atFailure === 'die') process.kill(process.pid, 'SIGKILL');
        break;
      }
    }
  }
}

await Promise.all(Array.from({ length: Number(atOnce) }, live));
await store.close();
