/**
 * `jit wipe`: nothing of jit left in the files of other tools.
 * @module
 */
import { EMBEDDED } from '../../client/ref.ts';
import { display } from '../../core/display.ts';
import { worded } from '../../core/errors.ts';
import { listAll } from '../../profiles/all.ts';
import type { ManagedProfile } from '../../profiles/tool.ts';
import { command } from '../command.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { NO_SETTINGS, readSettings } from '../settings.ts';
import { siteOf } from '../site.ts';
import { spotsHere, wipeAll } from '../sweep.ts';

export interface WipeOptions {
  readonly grants: 'keep' | 'revoke';
  readonly format: Format;
}

export const wipe = command<WipeOptions>({
  name: 'wipe',
  group: 'local',
  summary: 'remove every profile and credential of jit from this machine',
  positionals: [],
  flags: [{ name: 'revoke', about: 'also revoke every live grant of yours at the broker' }],
  examples: [
    { about: 'before handing over the machine', line: 'jit wipe --revoke' },
    { about: 'only the local side; the grants go on', line: 'jit wipe' },
  ],
  notes: ['Exit status: 11 when something could not be removed.'],
  parse: ({ switches, format }) => ({ grants: switches.has('revoke') ? 'revoke' : 'keep', format }),
  run: async (context, { grants, format }) => {
    const { out } = context;
    const before = await listAll(spotsHere(context)).catch((): readonly ManagedProfile[] => []);
    // Whatever is wrong with settings or keeper, what is here is wiped.
    const places = grants === 'keep' ? await placesOf(context).catch(() => [SOMEWHERE]) : [];
    const { failed, conflicts } = await wipeAll(context);
    const after = await listAll(spotsHere(context)).catch(() => before);
    const gone = before.filter(({ name, file }) => !after.some((each) => each.name === name && each.file === file));
    const revoked =
      grants === 'keep'
        ? []
        : (await (await context.broker()).client.revokeMine()).items.flatMap(({ grant }) => grant?.id ?? []);
    const exit = failed[0]?.facts.exit ?? 0;
    const names = [...new Set(gone.map(({ name }) => name))];
    if (format === 'json') {
      const kept = conflicts.map(({ profile, kept: keys }) => ({ profile: profile.name, keys }));
      out.document('wipe', {
        wiped: names,
        kept,
        revoked,
        ...(grants === 'keep' ? {} : { broker: (await siteOf(context)).name }),
        failed: failed.map(({ code, message }) => ({ code, message })),
        exit,
      });
      return exit;
    }
    await out.print([names.length === 0 ? 'nothing to wipe' : `wiped: ${names.join(', ')}`]);
    for (const { profile, kept } of conflicts)
      await out.note(`${profile.name} keeps what you added to it: ${kept.join(', ')}`);
    for (const error of failed) await out.note(worded(error));
    if (grants === 'revoke') {
      const { broker } = await siteOf(context);
      const where = broker === undefined ? '' : ` at ${broker}`;
      await out.print([`revoked${where}: ${revoked.length === 0 ? 'no live grants' : revoked.join(', ')}`]);
    }
    for (const place of places) await out.hint(place);
    return exit;
  },
});

const SOMEWHERE = 'the grants themselves go on at the broker; end them with: jit revoke --all';

/** Where the grants go on, and what ends them there: at the broker in use, and at those of the grants that the keeper holds. */
async function placesOf(context: Context): Promise<readonly string[]> {
  const site = await siteOf(context);
  const keeper = await context.peekKeeper();
  const others = new Set((keeper === null ? [] : await keeper.list()).map(({ broker }) => broker));
  others.delete(site.name);
  const here = site.broker ?? (others.size === 0 ? 'the broker' : 'the embedded broker');
  const { brokers } = others.size === 0 ? NO_SETTINGS : await readSettings(context.paths());
  return [
    `the grants themselves go on at ${here}; end them with: ${site.line('jit revoke --all')}`,
    ...[...others].map((name) => {
      const where = `others go on at ${name === EMBEDDED ? 'the embedded broker' : display(name, 200)}`;
      // One without a name in the settings is chosen by its address, which is not known here.
      return name === EMBEDDED || brokers.has(name)
        ? `${where}; end them with: JIT_BROKER=${name} jit revoke --all`
        : where;
    }),
  ];
}
