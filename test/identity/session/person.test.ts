/**
 * A person's session against the broker's own session routes, on a real socket: opened, renewed, confirmed, ended.
 * @module
 */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { JitError, worded } from '../../../src/core/errors.ts';
import { issue, look, scene } from './scene.ts';
import { PERSON } from '../../fakes/sessions.ts';
import { signInAsPerson, signOut } from '../../../src/identity/session/person.ts';
import { Secret } from '../../../src/core/secret.ts';

/** Tokens that are over after a minute, so that clocks need not differ by much. */
const SHORT = { tokenSeconds: 60 };

async function refused(work: Promise<unknown>): Promise<JitError> {
  try {
    await work;
  } catch (thrown) {
    assert.ok(thrown instanceof JitError, String(thrown));
    return thrown;
  }
  return assert.fail('it should have failed');
}

test('after a sign-in every process of the user calls as that person, reading the keychain once', async (t) => {
  const at = await scene(t);
  await at.signIn('ada');
  const other = at.process();
  const before = at.keychain.asked.get;
  const session = await other.client.session();
  assert.deepEqual([session.principal.name, session.provider, session.principal.kind], ['ada', 'okta', 'user']);
  await look(other);
  await look(other);
  assert.equal(at.keychain.asked.get - before, 1);
});

test('the first call of a process takes one refusal, for the nonce, and the next none', async (t) => {
  const at = await scene(t);
  await at.signIn();
  const other = at.process();
  const from = at.broker.calls.length;
  await look(other);
  await look(other);
  assert.deepEqual(at.broker.calls.slice(from), ['GET /v1/grants 401', 'GET /v1/grants 200', 'GET /v1/grants 200']);
});

test('without a session a call is refused before anything is sent, with the broker named and the command to type', async (t) => {
  const at = await scene(t);
  const error = await refused(look(at.process()));
  assert.deepEqual(
    [error.code, error.facts.exit, worded(error), error.hint],
    ['ERR_NOT_SIGNED_IN', 4, 'work: you are not signed in', 'sign in with: jit login work'],
  );
  assert.deepEqual(at.broker.calls, []);
});

test('a lock that cannot be had is told with the name of the broker', async (t) => {
  const at = await scene(t);
  const { parts } = await at.signIn();
  const [lock] = readdirSync(parts.locks);
  appendFileSync(join(parts.locks, lock ?? ''), 'garbage'.repeat(1_000));
  const error = await refused(at.process().session.change(async () => undefined));
  assert.deepEqual(error.code, 'ERR_LOCAL_FILE');
  assert.match(worded(error), /^work: the session cannot be changed now: .* is damaged$/);
  assert.match(error.hint ?? '', /^remove it with: rm /);
});

test('an access token that is over by the clock of the broker is renewed, and the old refresh token is not kept', async (t) => {
  const at = await scene(t, SHORT);
  const person = await at.signIn();
  const before = at.stored();
  at.broker.later(61_000);
  await look(person);
  const after = at.stored();
  assert.notEqual(after['refresh'], before['refresh']);
  assert.equal(after['renewal'], 'none');
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.renewed']);
});

test('one that is over by the clock of this machine is renewed before it is sent', async (t) => {
  const at = await scene(t);
  await at.signIn();
  const person = at.process({ now: () => Date.now() + 598_000 });
  const from = at.broker.calls.length;
  await look(person);
  assert.deepEqual(
    at.broker.calls.slice(from).filter((call) => call.startsWith('GET')),
    ['GET /v1/grants 200'],
  );
});

test('a machine whose clock is an hour off still works', async (t) => {
  const at = await scene(t);
  for (const offMs of [-3_600_000, 3_600_000]) {
    const now = (): number => Date.now() + offMs;
    const person = await at.signIn('ada', { now });
    await look(person);
    await look(at.process({ now }));
  }
});

test('twenty first calls of a process at once, its clock an hour off: all are served', async (t) => {
  const at = await scene(t);
  await at.signIn();
  const other = at.process({ now: () => Date.now() - 3_600_000 });
  await Promise.all(Array.from({ length: 20 }, () => look(other)));
});

test('two processes: when one has renewed, the other goes on with what it finds in the keychain', async (t) => {
  const at = await scene(t, SHORT);
  const [one, two] = [await at.signIn(), at.process()];
  await look(two);
  at.broker.later(61_000);
  await look(one);
  await look(two);
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.renewed']);
});

test('twenty processes at once, the token over: one renewal, and everybody is served', async (t) => {
  const at = await scene(t, SHORT);
  await at.signIn();
  at.broker.later(61_000);
  await Promise.all(Array.from({ length: 20 }, () => look(at.process())));
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.renewed']);
});

test('twenty calls of one process at once, the token over and the identity stale: one renewal, one confirmation', async (t) => {
  const at = await scene(t, SHORT);
  const person = await at.signIn();
  at.broker.later(61_000);
  await Promise.all(Array.from({ length: 20 }, () => issue(person)));
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.renewed', 'session.confirmed']);
  assert.deepEqual(at.idp.asked, { good: 1, refused: 0 });
});

test('before something is issued the identity provider vouches again, by itself, and its new refresh token is kept', async (t) => {
  const at = await scene(t);
  const person = await at.signIn('ada');
  at.broker.later(31_000);
  at.idp.setGroups('ada', ['ops']);
  await issue(person);
  at.broker.later(31_000);
  await issue(at.process());
  assert.deepEqual(at.idp.asked, { good: 2, refused: 0 });
  assert.deepEqual((await person.client.session()).principal.groups, ['ops']);
});

test('twenty processes at once, each of them to issue something: one question to the identity provider', async (t) => {
  const at = await scene(t);
  await at.signIn();
  at.broker.later(31_000);
  await Promise.all(Array.from({ length: 20 }, () => issue(at.process())));
  assert.deepEqual(at.idp.asked, { good: 1, refused: 0 });
});

test('a person who was disabled gets nothing more issued, but may still look', async (t) => {
  const at = await scene(t);
  const person = await at.signIn('ada');
  at.idp.disable('ada');
  at.broker.later(31_000);
  assert.equal((await refused(issue(person))).code, 'ERR_NOT_SIGNED_IN');
  await look(person);
});

test('an identity provider that gave no refresh token: the message says who wants what, and how to go on', async (t) => {
  const at = await scene(t);
  const person = at.process();
  await signInAsPerson(person.parts, person.session, PERSON, async (nonce) => ({
    ...at.idp.signIn('ada', nonce),
    refreshToken: null,
  }));
  await issue(person);
  at.broker.later(31_000);
  const error = await refused(issue(person));
  assert.equal(error.hint, 'sign in with: jit login work --force');
  assert.match(worded(error), /^work: the broker wants to know that okta still vouches/);
});

test('a session that was ended elsewhere, or whose time is over, is said to be so', async (t) => {
  const at = await scene(t);
  const [one, two] = [await at.signIn(), at.process()];
  await look(two);
  await one.client.endSession();
  const ended = await refused(look(two));
  assert.equal(worded(ended), 'work: your session is over: the broker has ended it');
  await at.signIn();
  at.broker.later(3_700_000);
  const late = await refused(look(at.process({ now: () => Date.now() + 3_700_000 })));
  assert.equal(worded(late), 'work: your session is over: its time is over');
});

test('a new sign-in replaces the session, ends the old one, and is found by a process that goes on', async (t) => {
  const at = await scene(t);
  const keeper = await at.signIn('ada');
  await look(keeper);
  await at.signIn('grace');
  assert.equal((await keeper.client.session()).principal.name, 'grace');
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.opened', 'session.ended']);
});

test('a process that was told that nobody is signed in finds who signs in later', async (t) => {
  const at = await scene(t);
  const keeper = at.process();
  await refused(look(keeper));
  await at.signIn();
  await look(keeper);
});

test('an answer with new tokens that is lost ends the session, and the message says why', async (t) => {
  const at = await scene(t);
  const person = await at.signIn();
  at.broker.later(601_000);
  at.broker.loseAnswers('/v1/sessions');
  assert.equal((await refused(look(person))).code, 'ERR_BROKER_UNREACHABLE');
  assert.equal(at.stored()['renewal'], 'begun');
  at.broker.loseAnswers(null);
  const error = await refused(look(at.process({ now: () => Date.now() + 601_000 })));
  assert.match(worded(error), /^work: your session is over: a renewal of it was cut off/);
  assert.equal(error.hint, 'sign in with: jit login work');
});

test('a damaged record is said to be damaged, with the command that removes it, and is removed by it', async (t) => {
  const at = await scene(t);
  const person = await at.signIn();
  const [name = ''] = at.keychain.kept.keys();
  for (const damage of ['{"v":1}', 'x', JSON.stringify({ ...at.stored(), broker: 'https://evil.example/' })]) {
    at.keychain.kept.set(name, damage);
    const error = await refused(look(at.process()));
    assert.deepEqual([error.code, error.facts.exit], ['ERR_KEYCHAIN', 11]);
    assert.match(error.hint ?? '', /jit logout work$/);
  }
  await signOut(person.parts, person.session, async () => ({ kind: 'none' }));
  assert.equal(at.keychain.kept.size, 0);
});

test('a keychain in trouble is reported as such, and nobody is sent to a browser for a session that cannot be kept', async (t) => {
  const at = await scene(t);
  at.keychain.trouble = new JitError({ code: 'ERR_KEYCHAIN', message: 'the keychain is locked' });
  assert.equal((await refused(look(at.process()))).message, 'the keychain is locked');
  const person = at.process();
  const asked: string[] = [];
  const signingIn = signInAsPerson(person.parts, person.session, PERSON, async (nonce) => {
    asked.push(nonce);
    return at.idp.signIn('ada', nonce);
  });
  assert.equal((await refused(signingIn)).code, 'ERR_KEYCHAIN');
  assert.deepEqual(asked, []);
});

test('a session that cannot be stored is ended at the broker again', async (t) => {
  const at = await scene(t);
  const person = at.process();
  const signingIn = signInAsPerson(person.parts, person.session, PERSON, async (nonce) => {
    at.keychain.trouble = new JitError({ code: 'ERR_KEYCHAIN', message: 'the keychain is locked' });
    return at.idp.signIn('ada', nonce);
  });
  assert.equal((await refused(signingIn)).code, 'ERR_KEYCHAIN');
  assert.deepEqual(await at.broker.audit(), ['session.opened', 'session.ended']);
});

test('an ID token that was made for another key is refused, and the message names the broker', async (t) => {
  const at = await scene(t);
  const person = at.process();
  const error = await refused(
    signInAsPerson(person.parts, person.session, PERSON, async () => at.idp.signIn('ada', 'x'.repeat(43))),
  );
  assert.equal(worded(error), 'work: the broker does not take the identity that okta vouches for');
  assert.equal(at.keychain.kept.size, 0);
});

test('signing out ends the session at the broker, takes the refresh token back at the provider, and deletes the record', async (t) => {
  const at = await scene(t);
  const person = await at.signIn();
  const given: string[] = [];
  at.broker.later(601_000);
  const { ended } = await signOut(
    { ...person.parts, now: () => Date.now() + 601_000 },
    person.session,
    async ({ refreshToken }, provider) => {
      given.push(`${provider} ${refreshToken.expose().slice(0, 4)}`);
      return { kind: 'revoked' };
    },
  );
  assert.deepEqual([ended[0]?.broker, ended[0]?.provider.kind, given], ['ended', 'revoked', ['okta idp-']]);
  assert.equal(at.keychain.kept.size, 0);
  assert.equal((await at.broker.audit()).at(-1), 'session.ended');
});

test('signing out while the broker is away deletes the record all the same', async (t) => {
  const at = await scene(t);
  const person = await at.signIn();
  await at.broker.stop();
  const { ended } = await signOut(person.parts, person.session, async () => ({ kind: 'revoked' }));
  const [one] = ended;
  assert.ok(one?.broker instanceof JitError && one.broker.code === 'ERR_BROKER_UNREACHABLE');
  assert.equal(at.keychain.kept.size, 0);
});

test('nothing of a record shows its secrets when it is printed', async (t) => {
  const at = await scene(t);
  const person = await at.signIn();
  const kept = await person.session.kept();
  const text = JSON.stringify(kept?.record);
  for (const member of ['refresh', 'access', 'key']) {
    const value = at.stored()[member];
    const secrets =
      typeof value === 'string' ? [value] : Object.values(value ?? {}).filter((each) => `${each}`.length > 40);
    assert.ok(secrets.length > 0, member);
    // The public half of a key is no secret.
    const hidden = secrets.filter(
      (each) => each !== kept?.record.key.publicJwk.x && each !== kept?.record.key.publicJwk.y,
    );
    for (const each of hidden) assert.ok(!text.includes(String(each)), member);
  }
  assert.ok(new Secret('x').toString() === '[secret]');
});
