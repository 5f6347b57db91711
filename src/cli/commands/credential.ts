/**
 * `jit credential`: what the aws tools run. The launcher answers most calls itself; this is for a keeper that is not there.
 * @module
 */
import { display } from '../../core/display.ts';
import type { GrantId } from '../../core/ids.ts';
import type { Secret } from '../../core/secret.ts';
import { type Format as CredentialFormat, FORMATS, type HandedOut } from '../../keeper/protocol.ts';
import { command, single, usage } from '../command.ts';
import type { Context } from '../context.ts';
import { GRANT_ID, readGrantId } from '../ids.ts';
import { profilesHere } from '../sweep.ts';

export type CredentialOptions = { readonly id: GrantId; readonly target: string | null } & (
  | { readonly as: CredentialFormat }
  | { readonly as: 'eks'; readonly cluster: string }
);

/** What jit itself makes of a credential of AWS; the others are what a tool makes do with. */
const EKS = 'eks';
const OFFERED = [...FORMATS, EKS] as const;

export const credential = command<CredentialOptions>({
  name: 'credential',
  group: 'local',
  summary: 'print a credential of a live grant, for tools',
  positionals: [GRANT_ID],
  flags: [
    {
      name: 'format',
      value: 'name',
      about: `${OFFERED.join(', ')}: as the tool reads it; aws if left out`,
      offers: OFFERED,
    },
    { name: 'target', value: 'name', about: 'for a grant at several targets' },
    { name: 'cluster', value: 'name', about: 'with eks: a cluster that the grant allows to describe' },
  ],
  examples: [
    { about: 'what a profile of jit runs', line: 'jit credential gr_01hv3k9x7m2q5w8e4r6t0yabcd --format aws' },
    {
      about: 'for kubectl, at one of several targets',
      line: 'jit credential gr_… --format kubernetes --target cluster',
    },
    { about: 'for kubectl, at a cluster of EKS', line: 'jit credential gr_… --format eks --cluster web-prod' },
  ],
  notes: [
    'Exit status: 7 when the grant has ended: an expired credential is never printed.',
    'A cluster of EKS asks AWS only whose session it is, and no policy prevents that: it\nlets in every session of a role that it knows, whatever the grant allows. After the\nend of a grant, also by revocation, a token is taken for up to 15 minutes more, and\nwhoever has kept the keys can make others until the session itself runs out.',
  ],
  parse: (input) => {
    const named = single(input, 'format');
    const format = OFFERED.find((known) => known === (named ?? (input.format === 'json' ? 'json' : 'aws')));
    if (format === undefined)
      throw usage(`there is no format ${display(named ?? '', 40)}`, `one of: ${OFFERED.join(', ')}`);
    const about = { id: readGrantId(input), target: single(input, 'target') };
    const cluster = single(input, 'cluster');
    if (format !== EKS) {
      if (cluster !== null) throw usage('--cluster is for --format eks alone');
      return { ...about, as: format };
    }
    if (cluster === null) throw usage('--format eks needs the name of a cluster', 'add: --cluster NAME');
    return { ...about, as: format, cluster };
  },
  run: async (context, options) => {
    const { output, notAfter } = (await handedOut(context, options)).expose();
    if (context.now() >= notAfter) throw usage('the credential ran out on its way here', 'try again');
    // The one place where a secret leaves through stdout: that is what this command is for.
    context.out.raw(`${output}\n`);
    return 0;
  },
});

async function handedOut(context: Context, options: CredentialOptions): Promise<Secret<HandedOut>> {
  if (options.as === EKS) {
    const { eksCredential } = await import('../eks.ts');
    return await eksCredential(context, options);
  }
  const { id, as: format, target } = options;
  const { credentialThroughKeeper } = await import('../../keeper/credential.ts');
  return await credentialThroughKeeper({
    keeper: () => context.keeper(),
    grant: id,
    format,
    ...(target === null ? {} : { target }),
    broker: () => context.broker(),
    profiles: () => profilesHere(context, id),
  });
}
