/**
 * A process of its own that lives to be killed: tells what waits in a store to a Slack that is listening at an address.
 * Arguments: the store's file, the address of Slack's API, the file of the token.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { openNotifiers } from '../../../src/broker/notices/open.ts';
import { startDelivery } from '../../../src/broker/notices/delivery.ts';
import { openSqliteStore } from '../../../src/broker/store/sqlite/store.ts';
import { notifySchema } from '../../../src/broker/config/notify.ts';

const [file = '', api = '', token = ''] = process.argv.slice(2);
const now = Date.now;
const store = await openSqliteStore({ file, now });
const entry = { type: 'slack', token: { file: token }, channel: 'C0000001', api, allow_private_addresses: true };
const { notifiers } = await openNotifiers({
  config: new Map([['chat', notifySchema.parse(entry)]]),
  beside: (path) => path,
  store,
  castVote: async () => ({ state: 'pending', why: '', missing: 1 }),
  now,
});
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
startDelivery({ store, notifiers, now, random: (bytes) => randomBytes(bytes), log: quiet, attemptMs: 1_000 });
setInterval(() => undefined, 60_000);
