/**
 * Which broker one signs in to, and its place in the settings.
 * @module
 */
import { type BrokerRef, parseBrokerUrl } from '../../client/ref.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import type { SharedBroker } from '../../identity/session/record.ts';
import { askText } from '../ask.ts';
import { usage } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { checkBrokerName, namedBroker, readSettings, type Settings } from '../settings.ts';
import { keyOf, writeSetting } from '../settings-edit.ts';

/** @param word what was typed, null for the broker that is used anyway. Throws `ERR_CONFIG`, `ERR_USAGE`. */
export async function brokerOf(context: Context, word: string | null): Promise<BrokerRef> {
  return word === null ? await context.brokerRef() : await namedBroker(word, context.paths());
}

/** Throws `ERR_USAGE` for the embedded broker, with what to type instead. */
export async function sharedBrokerOf(context: Context, word: string | null): Promise<SharedBroker> {
  const ref = await brokerOf(context, word);
  if (ref.kind === 'url') return ref;
  const [name] = (await readSettings(context.paths())).brokers.keys();
  throw usage(
    'the embedded broker knows you by your account on this machine: there is nothing to sign in to',
    `name another one, such as: jit login ${name ?? 'https://jit.example.com'}`,
  );
}

/** Whether `ref` has a name in the settings. */
export async function isNamed(context: Context, ref: SharedBroker): Promise<boolean> {
  const { brokers } = await readSettings(context.paths());
  return [...brokers.values()].some(({ url }) => parseBrokerUrl(url).url.href === ref.url.href);
}

/**
 * Gives a broker a name in the settings, and makes it the one that is used where nothing else is chosen yet.
 * @param given with --name; without it somebody is asked.
 * Throws `ERR_MISSING_INPUT` where nobody can be asked, `ERR_USAGE` for a name that is taken, `ERR_LOCAL_FILE`.
 */
export async function addBroker(
  context: Context,
  ref: SharedBroker,
  given: string | null,
  format: Format,
): Promise<SharedBroker> {
  const settings = await readSettings(context.paths());
  const check = (text: string): void => checkNewName(text, settings);
  const name = given ?? (await askName(context, ref, check, format));
  check(name);
  await writeSetting(context, keyOf(`brokers.${name}.url`), ref.url.href);
  if (settings.broker === null) await writeSetting(context, keyOf('broker'), name);
  if (format === 'human') {
    const used = settings.broker === null ? ', and is used from now on' : '';
    await context.out.note(`${display(ref.url.href)} is called ${name}${used}`);
    if (settings.broker === null) await context.out.hint('back to the embedded one: jit config set broker embedded');
  }
  return parseBrokerUrl(ref.url.href, name);
}

function checkNewName(name: string, { brokers }: Settings): void {
  checkBrokerName(name, '--name');
  const taken = brokers.get(name);
  if (taken !== undefined) throw usage(`${name} is already the name of ${display(taken.url, 200)}`, 'choose another');
}

async function askName(
  context: Context,
  ref: SharedBroker,
  check: (text: string) => void,
  format: Format,
): Promise<string> {
  const suggestion = suggested(ref);
  if (!context.terminal.interactive || format === 'json') {
    throw new JitError({
      code: 'ERR_MISSING_INPUT',
      message: `${display(ref.url.href, 200)} has no name in the settings yet`,
      hint: `add: --name ${suggestion}`,
    });
  }
  const message = `what should ${display(ref.url.host, 200)} be called?`;
  return await askText(context, { message, parse: check, suggestion });
}

/** The part of the host that tells brokers apart: `example` of jit.example.com. */
function suggested({ url }: SharedBroker): string {
  const labels = url.hostname.split('.');
  const own = /^\d|:|^\[/.test(url.hostname) ? [] : labels.length > 2 ? labels.slice(-2, -1) : labels.slice(0, 1);
  const [name = ''] = own;
  return /^[a-z0-9][a-z0-9-]{0,31}$/.test(name) && name !== 'embedded' ? name : 'work';
}
