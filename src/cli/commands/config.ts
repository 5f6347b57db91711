/**
 * `jit config`: the client's settings file.
 * @module
 */
import { display } from '../../core/display.ts';
import { command, type Input, usage } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { readSettings } from '../settings.ts';
import { keyOf, KNOWN_KEYS, type SettingKey, valueOf, writeSetting } from '../settings-edit.ts';

export type ConfigOptions = { readonly format: Format } & (
  | { readonly verb: 'show' | 'path' }
  | { readonly verb: 'get' | 'unset'; readonly key: SettingKey }
  | { readonly verb: 'set'; readonly key: SettingKey; readonly value: string }
);

const VERBS = ['show', 'get', 'set', 'unset', 'path'] as const;

export const config = command<ConfigOptions>({
  name: 'config',
  group: 'local',
  summary: 'show or change the settings of this client',
  positionals: [
    { name: 'verb', about: 'show (the default), get, set, unset or path', takes: 'at most one', offers: VERBS },
    { name: 'key', about: 'broker, brokers.NAME.url or secrets', takes: 'at most one', offers: ['broker', 'secrets'] },
    { name: 'value', about: 'with set', takes: 'at most one' },
  ],
  flags: [],
  examples: [
    { about: 'where the settings are', line: 'jit config path' },
    {
      about: 'use a broker of the company',
      line: 'jit config set brokers.work.url https://jit.example.com\n  jit config set broker work',
    },
    { about: 'keep sessions in an encrypted file, without a keychain', line: 'jit config set secrets file' },
    { about: 'back to the embedded one', line: 'jit config set broker embedded' },
  ],
  notes: ['JIT_BROKER (an address or a name) wins over the file; JIT_CONFIG names another file.'],
  parse: parseConfig,
  run: async (context, options) => {
    switch (options.verb) {
      case 'show':
        return await show(context, options.format);
      case 'path':
        return await say(context, options.format, 'path', context.paths().configFile);
      case 'get':
        return await say(
          context,
          options.format,
          options.key.text,
          valueOf(await readSettings(context.paths()), options.key),
        );
      case 'set':
        await writeSetting(context, options.key, options.value);
        return await say(context, options.format, options.key.text, options.value);
      case 'unset':
        await writeSetting(context, options.key, null);
        return await say(context, options.format, options.key.text, '');
    }
  },
});

function parseConfig({ words, format }: Input): ConfigOptions {
  const [verb = 'show', key, value] = words;
  const known = VERBS.find((each) => each === verb);
  if (known === undefined) throw usage(`jit config cannot ${display(verb, 40)}`, `one of: ${VERBS.join(', ')}`);
  const wanted = known === 'show' || known === 'path' ? 0 : known === 'set' ? 2 : 1;
  const given = [key, value].filter((each) => each !== undefined).length;
  if (given !== wanted || key === undefined) {
    if (given === wanted && (known === 'show' || known === 'path')) return { verb: known, format };
    throw usage(
      `jit config ${known} takes ${wanted === 0 ? 'nothing more' : wanted === 1 ? 'a key' : 'a key and a value'}`,
      `known keys: ${KNOWN_KEYS.join(', ')}`,
    );
  }
  if (known === 'set' && value !== undefined) return { verb: known, key: keyOf(key), value, format };
  if (known === 'get' || known === 'unset') return { verb: known, key: keyOf(key), format };
  throw usage(`jit config ${known} takes nothing more`);
}

async function show(context: Context, format: Format): Promise<number> {
  const paths = context.paths();
  const { broker, brokers, secrets } = await readSettings(paths);
  const { out } = context;
  if (format === 'json') {
    out.document('config', {
      path: paths.configFile,
      broker: broker ?? 'embedded',
      brokers: Object.fromEntries(brokers),
      secrets: secrets ?? 'keychain',
      override: context.env['JIT_BROKER'] ?? null,
    });
    return 0;
  }
  await out.print([
    `broker: ${broker ?? 'embedded'}`,
    ...[...brokers].map(([name, { url }]) => `brokers.${name}.url: ${url}`),
    ...(secrets === null ? [] : [`secrets: ${secrets}`]),
  ]);
  const override = context.env['JIT_BROKER'];
  if (override !== undefined && override !== '') await out.note(`JIT_BROKER is set and wins: ${override}`);
  return 0;
}

async function say({ out }: Context, format: Format, key: string, value: string): Promise<number> {
  if (format === 'json') out.document('config', { [key]: value });
  else if (value !== '') await out.print([value]);
  return 0;
}
