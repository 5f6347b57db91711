/**
 * The program that keeps incidents behaves as its form says, so that tests against it mean something.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/core/secret.ts';
import { readWebhookSecret, verifySigned } from '../../../src/outbound/standard-webhooks.ts';
import { signedCall, startIncidentProgram } from './webhook.ts';

test('it answers about one incident, to whoever has the token, and says that it has no other', async () => {
  const program = await startIncidentProgram();
  try {
    program.incidents.set('7', { id: '7', reference: '#7', title: 'down' });
    const ask = async (path: string, token = program.token): Promise<{ status: number; body: unknown }> => {
      const answer = await fetch(`${program.before}${path}`, { headers: { authorization: `Bearer ${token}` } });
      return { status: answer.status, body: await answer.json() };
    };
    assert.deepEqual(await ask('7'), { status: 200, body: { id: '7', reference: '#7', title: 'down' } });
    assert.equal((await ask('%237')).status, 200);
    assert.equal((await ask('8')).status, 404);
    assert.equal((await ask('7', 'other')).status, 401);
    program.next.push({ status: 503 });
    assert.equal((await ask('7')).status, 503);
    assert.equal((await ask('7')).status, 200);
    assert.deepEqual(program.asked.slice(0, 2), ['/incidents/7', '/incidents/%237']);
  } finally {
    await program.end();
  }
});

test('it signs as the specification has it', async () => {
  const program = await startIncidentProgram();
  await program.end();
  const secret = readWebhookSecret(new Secret(program.secret), 'test');
  const at = 1_800_000_000_000;
  assert.deepEqual(verifySigned(signedCall(program.secret, 'msg_1', '{}', at), [secret], at), { id: 'msg_1', at });
});
