/**
 * What the Secret Service of a Linux desktop (GNOME Keyring, KWallet, KeePassXC) says about one secret: here it is, there
 * is none, or locked. keytar reports the last two alike.
 * Source: freedesktop.org Secret Service API 0.2.
 * @module
 */
import type { Secret } from '../../core/secret.ts';
import { agree, ALGORITHM } from './dh-session.ts';
import { type Answer, type Bus, type BusFault, openBus } from './dbus.ts';
import { type Call, type Reader, writer } from './dbus-wire.ts';

/** Why nothing can be said. */
export type Trouble =
  | { readonly kind: 'absent'; readonly reason: string }
  | { readonly kind: 'locked' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'broken'; readonly reason: string };

/** `no keyring`: nothing can be stored either before somebody makes one. */
export type Nothing = { readonly kind: 'nothing' } | { readonly kind: 'no keyring' };

/** Whether a secret is there. */
export type Sight = { readonly kind: 'there' } | Nothing | Trouble;
/** The same with the secret. */
export type Reading = { readonly kind: 'there'; readonly secret: Secret<string> } | Nothing | Trouble;

export interface Question {
  /** Of the session bus. */
  readonly socket: string;
  /** Effective user id. */
  readonly uid: number;
  /** For the whole conversation. */
  readonly limitMs: number;
  /** Attributes of the secret, each of which must fit. */
  readonly attributes: Readonly<Record<string, string>>;
}

const SERVICE = { destination: 'org.freedesktop.secrets', path: '/org/freedesktop/secrets' } as const;
const onService = (member: string): Call => ({ ...SERVICE, interface: 'org.freedesktop.Secret.Service', member });

/** Looks without reading. Never asks a person to unlock anything; never rejects. */
export async function lookFor(question: Question): Promise<Sight> {
  return await converse(question, async (bus) => {
    const found = await find(bus, question.attributes);
    return found.kind === 'item' ? { kind: 'there' } : found;
  });
}

/** Reads. Never asks a person to unlock anything; never rejects. */
export async function readFrom(question: Question): Promise<Reading> {
  return await converse(question, async (bus) => {
    const agreement = agree();
    const [session, found] = await Promise.all([
      bus.call(onService('OpenSession'), {
        types: 'sv',
        bytes: writer().text(ALGORITHM).signature('ay').bytes(agreement.publicKey).done(),
      }),
      find(bus, question.attributes),
    ]);
    if (found.kind !== 'item') return found;
    if (session.kind !== 'answer') return troubleOf(session);
    const { theirs, handle } = readSession(session);
    const sealed = await bus.call(
      { ...SERVICE, path: found.path, interface: 'org.freedesktop.Secret.Item', member: 'GetSecret' },
      { types: 'o', bytes: writer().text(handle).done() },
    );
    if (sealed.kind !== 'answer') return troubleOf(sealed);
    return { kind: 'there', secret: agreement.open(readSealed(sealed), theirs) };
  });
}

async function converse<T>(
  { socket, uid, limitMs }: Question,
  talk: (bus: Bus) => Promise<T | Trouble>,
): Promise<T | Trouble> {
  const bus = openBus(socket, { uid, limitMs });
  try {
    return await talk(bus);
  } catch {
    return { kind: 'broken', reason: 'an answer makes no sense' };
  } finally {
    bus.close();
  }
}

type Found = { readonly kind: 'item'; readonly path: string } | { readonly kind: 'nothing' | 'no keyring' } | Trouble;

async function find(bus: Bus, attributes: Readonly<Record<string, string>>): Promise<Found> {
  const wanted = writer();
  wanted.items(Object.entries(attributes), ([key, value]) => wanted.text(key).text(value));
  const [search, alias] = await Promise.all([
    bus.call(onService('SearchItems'), { types: 'a{ss}', bytes: wanted.done() }),
    bus.call(onService('ReadAlias'), { types: 's', bytes: writer().text('default').done() }),
  ]);
  if (search.kind !== 'answer') return troubleOf(search);
  if (alias.kind !== 'answer') return troubleOf(alias);
  const unlocked = bodyOf(search, 'aoao').texts();
  const locked = search.body.texts();
  const keyring = bodyOf(alias, 'o').text();
  const item = unlocked.find((path) => path.startsWith(`${keyring}/`)) ?? unlocked[0];
  if (item !== undefined) return { kind: 'item', path: item };
  if (locked.length > 0) return { kind: 'locked' };
  // The path that stands for none.
  if (keyring === '/') return { kind: 'no keyring' };
  // Not every service finds what is in a locked keyring, so that nothing was found says nothing yet.
  const state = await bus.call(
    { ...SERVICE, path: keyring, interface: 'org.freedesktop.DBus.Properties', member: 'Get' },
    { types: 'ss', bytes: writer().text('org.freedesktop.Secret.Collection').text('Locked').done() },
  );
  if (state.kind !== 'answer') return troubleOf(state);
  const body = bodyOf(state, 'v');
  if (body.signature() !== 'b') throw new RangeError('not a truth value');
  return { kind: body.u32() === 0 ? 'nothing' : 'locked' };
}

type Good = Extract<Answer, { kind: 'answer' }>;

function bodyOf({ types, body }: Good, expected: string): Reader {
  if (types !== expected) throw new RangeError('an answer of other types');
  return body;
}

function readSession(answer: Good): { readonly theirs: Buffer; readonly handle: string } {
  const body = bodyOf(answer, 'vo');
  if (body.signature() !== 'ay') throw new RangeError('not a public key');
  return { theirs: body.bytes(), handle: body.text() };
}

/** Secret Service API: struct Secret is session, parameters, value, content type. */
function readSealed(answer: Good): { readonly iv: Buffer; readonly value: Buffer } {
  const body = bodyOf(answer, '(oayays)');
  body.text();
  return { iv: body.bytes(), value: body.bytes() };
}

const NOBODY = /^org\.freedesktop\.DBus\.Error\.(ServiceUnknown|NameHasNoOwner|Spawn\..+)$/;
const LATE = /^org\.freedesktop\.DBus\.Error\.(NoReply|TimedOut|Timeout)$/;

function troubleOf(fault: BusFault): Trouble {
  switch (fault.kind) {
    case 'silent':
      return fault;
    case 'broken':
      return { kind: 'broken', reason: 'the session bus went away or answers nonsense' };
    case 'unreachable':
      return { kind: 'absent', reason: `the session bus cannot be reached (${fault.reason})` };
    case 'refused':
      if (NOBODY.test(fault.name)) return { kind: 'absent', reason: 'no Secret Service runs on the session bus' };
      if (LATE.test(fault.name)) return { kind: 'silent' };
      if (fault.name === 'org.freedesktop.Secret.Error.IsLocked') return { kind: 'locked' };
      return { kind: 'broken', reason: `it answers ${fault.name}` };
  }
}
