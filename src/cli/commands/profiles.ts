/**
 * `jit profiles`: what jit has written into the files of other tools.
 * @module
 */
import { listAll } from '../../profiles/all.ts';
import { command } from '../command.ts';
import type { Format } from '../output.ts';
import { spotsHere } from '../sweep.ts';
import { type Column, table } from '../table.ts';
import { toned } from '../text.ts';
import { bothTimes } from '../time.ts';

const COLUMNS: readonly Column[] = [
  { title: 'PROFILE', cut: 'never' },
  { title: 'TOOL', cut: 'never' },
  { title: 'ENDS', cut: 'never' },
  { title: 'GRANT', cut: 'never' },
  { title: 'HOLDS', cut: 'never' },
  { title: 'FILE', cut: 'may' },
];

export const profiles = command<{ readonly format: Format }>({
  name: 'profiles',
  group: 'local',
  summary: 'list the profiles that jit has written on this machine',
  positionals: [],
  flags: [],
  examples: [{ about: 'what is written where, and until when', line: 'jit profiles' }],
  parse: ({ format }) => ({ format }),
  run: async (context, { format }) => {
    const { out, now } = context;
    const found = await listAll(spotsHere(context));
    if (format === 'json') {
      out.document('profiles', {
        profiles: found.map(({ expiresAt, ...profile }) => ({
          ...profile,
          expiresAt: new Date(expiresAt).toISOString(),
        })),
      });
      return 0;
    }
    if (found.length === 0) await out.note('no profiles of jit on this machine');
    else {
      const rows = found.map(({ name, tool, grant, expiresAt, holds, intact, file }) => [
        toned('strong', name),
        toned('plain', tool),
        toned('plain', bothTimes(expiresAt, now())),
        toned('plain', grant),
        toned(
          holds === 'static' ? 'warn' : 'plain',
          `${holds === 'static' ? 'keys' : 'no key'}${intact === 'edited' ? ', edited' : ''}`,
        ),
        toned('dim', file),
      ]);
      await out.print(table(COLUMNS, rows, out.width));
    }
    return 0;
  },
});
