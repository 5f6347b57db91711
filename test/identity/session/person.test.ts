/**
 * A person's session against the broker's own session routes, on a real socket: opened, renewed, confirmed, ended.
 * @module
 */
import assert from 'node:assert/strict';
import { appendFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { route } from '../../../src/broker/http/routes.ts';
import { JitError, worded } from '../../../src/core/errors.ts';
import { issue, look, scene } from './scene.ts';
import { PERSON, vouch } from '../../fakes/sessions.ts';
import { signInAsPerson, signOut } from '../../../src/identity/session/person.ts';
import { Secret } from '../../../src/core/secret.ts';
import { outcomeListSchema } from '../../../src/wire/views.ts';

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

test('twenty calls of one process at once that issue something, the token over: one renewal, and a word for each', async (t) => {
  const at = await scene(t, SHORT);
  const person = await at.signIn();
  at.broker.later(61_000);
  await Promise.all(Array.from({ length: 20 }, () => issue(person)));
  const audit = await at.broker.audit();
  assert.deepEqual(audit.slice(0, 2), ['session.opened', 'session.renewed']);
  assert.deepEqual(audit.slice(2), Array(20).fill('session.confirmed'));
  assert.deepEqual(at.idp.asked, { good: 20, refused: 0 });
});

test('before each issuance the identity provider vouches anew, by itself, and its new refresh token is kept', async (t) => {
  const at = await scene(t);
  const person = await at.signIn('ada');
  at.idp.setGroups('ada', ['ops']);
  await issue(person);
  assert.deepEqual((await person.client.session()).principal.groups, ['ops']);
  at.idp.setGroups('ada', ['dev']);
  await issue(at.process());
  assert.deepEqual(at.idp.asked, { good: 2, refused: 0 });
  assert.deepEqual((await person.client.session()).principal.groups, ['dev']);
});

test('twenty processes at once, each of them to issue something: each has a word of its own, and nobody loses it', async (t) => {
  const at = await scene(t);
  await at.signIn();
  await Promise.all(Array.from({ length: 20 }, () => issue(at.process())));
  assert.deepEqual(at.idp.asked, { good: 20, refused: 0 });
});

test('looking asks the identity provider nothing', async (t) => {
  const at = await scene(t);
  const person = await at.signIn();
  at.broker.later(300_000);
  await look(person);
  assert.deepEqual(at.idp.asked, { good: 0, refused: 0 });
});

test('a person who is disabled gets nothing issued from that moment on, but may still look', async (t) => {
  const at = await scene(t);
  const person = await at.signIn('ada');
  await issue(person);
  at.idp.disable('ada');
  assert.equal((await refused(issue(person))).code, 'ERR_NOT_SIGNED_IN');
  await look(person);
});

test('a call whose answer was lost is repeated with another word', async (t) => {
  const fresh = route({
    method: 'GET',
    path: '/v1/requests',
    summary: 'issues nothing, on the same condition as what does',
    access: () => 'fresh',
    reply: outcomeListSchema,
    status: 200,
    run: async () => ({ items: [] }),
  });
  const at = await scene(t, { routes: [fresh] });
  const person = await at.signIn('ada');
  at.broker.loseAnswers('/v1/requests', 1);
  await person.client.requests();
  const calls = at.broker.calls.filter((call) => call.startsWith('GET /v1/requests'));
  assert.deepEqual(
    calls.slice(-4),
    [401, 200, 401, 200].map((status) => `GET /v1/requests ${status}`),
  );
  assert.equal(at.idp.asked.good, 2);
});

test('two ID tokens of one second that are alike: the second is asked for again', async (t) => {
  const at = await scene(t);
  let asked = 0;
  const person = await at.signIn('ada', {
    refreshIdp: async ({ refreshToken }) => {
      const { refreshToken: next } = await at.idp.refresh(refreshToken);
      asked += 1;
      const claims = {
        provider: PERSON.name,
        subject: 'ada',
        once: asked === 3 ? 'another second' : 'the same second',
      };
      return { idToken: vouch(claims), refreshToken: next };
    },
  });
  await issue(person);
  await issue(person);
  assert.equal(asked, 3);
});

test('a provider whose clock is wrong: the message says by how much, and which setting is about it', async (t) => {
  const at = await scene(t);
  const person = await at.signIn('ada', {
    refreshIdp: async ({ refreshToken }) => {
      const { refreshToken: next } = await at.idp.refresh(refreshToken);
      const claims = { provider: PERSON.name, subject: 'ada', issuedAt: Date.now() - 95_000 };
      return { idToken: vouch(claims), refreshToken: next };
    },
  });
  const error = await refused(issue(person));
  assert.deepEqual([error.code, error.facts.exit], ['ERR_IDENTITY_STALE', 4]);
  assert.match(error.message, /^the word of okta is 9\ds old by the broker's clock, and may be 30s off at most$/);
  assert.match(error.hint ?? '', /clocks of okta and of the broker differ by 9\ds: .*sessions\.word/);
  await look(person);
});

test('an identity provider that gave no refresh token: the message says who wants what, and why it cannot be had', async (t) => {
  const at = await scene(t);
  const person = at.process();
  await signInAsPerson(person.parts, person.session, PERSON, async (nonce) => ({
    ...at.idp.signIn('ada', nonce),
    refreshToken: null,
  }));
  await look(person);
  const error = await refused(issue(person));
  assert.equal(error.hint, 'sign in with: jit login work --force');
  assert.match(error.message, /^the broker wants a word of okta before each thing .*: no refresh token came/);
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
