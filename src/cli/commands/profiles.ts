/**
 * `jit profiles`: what jit has written into the files of other tools.
 * @module
 */
import { awsFiles } from '../../profiles/aws/names.ts';
import { listProfiles } from '../../profiles/aws/wipe.ts';
import { command } from '../command.ts';
import type { Format } from '../output.ts';
import { type Column, table } from '../table.ts';
import { toned } from '../text.ts';
import { bothTimes } from '../time.ts';

const COLUMNS: readonly Column[] = [
  { title: 'PROFILE', cut: 'never' },
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
  run: async ({ env, platform, out, now }, { format }) => {
    const found = await listProfiles(awsFiles(env, platform));
    if (format === 'json') {
      out.document('profiles', {
        profiles: found.map(({ expiresAt, ...profile }) => ({
          tool: 'aws',
          ...profile,
          expiresAt: new Date(expiresAt).toISOString(),
        })),
      });
      return 0;
    }
    if (found.length === 0) await out.note('no profiles of jit on this machine');
    else {
      const rows = found.map(({ name, grant, expiresAt, holds, intact, file }) => [
        toned('strong', name),
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
