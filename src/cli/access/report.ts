/**
 * What `request` and `wait` say about a grant that can be used now.
 * @module
 */
import type { GrantView } from '../../wire/views.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { brokerFact, siteOf } from '../site.ts';
import { type Fact, fact, record } from '../table.ts';
import { orWhenIdle, recordedTime } from '../time.ts';
import { accessWords, endOf, incidentFact, targetWords, useLine } from './words.ts';
import type { Holds, Installed } from './install.ts';
import type { Granted } from './submit.ts';

/** `jit.grant/v1`, or the same for people with the lines to paste. */
export async function reportGranted(
  context: Context,
  granted: Granted,
  profiles: readonly Installed[],
  format: Format,
): Promise<void> {
  const { out, now } = context;
  const { request, grant } = granted;
  const site = await siteOf(context);
  const uses = profiles.map((profile) =>
    profile.tool === 'aws' ? useLine(granted, profile.target, `aws --profile ${profile.name}`) : profile.use,
  );
  if (format === 'json') {
    const [profile = null] = profiles;
    out.document('grant', { request, grant, profile, profiles, use: uses[0] ?? null, uses, broker: site.name });
    return;
  }
  await out.print([
    ...record(
      [
        fact('grant', grant.id, 'strong'),
        ...brokerFact(site),
        fact('access', accessWords(request)),
        ...incidentFact(request),
        fact('target', targetWords(grant.legs), grant.legs.some(({ sandbox }) => sandbox) ? 'warn' : 'plain'),
        ...profileFacts(grant, profiles),
        ...endFacts(grant, now()),
      ],
      out.width,
    ),
    '',
    ...record(
      [
        ...uses.map((use, index) => fact(index === 0 ? 'use it' : '', use, 'good')),
        fact('end it', site.line(`jit revoke ${grant.id}`)),
      ],
      Number.POSITIVE_INFINITY,
    ),
  ]);
}

const KEPT: Readonly<Record<Holds, string>> = { process: '', keys: ' (with the keys in the file until then)' };

function profileFacts({ legs }: GrantView, profiles: readonly Installed[]): Fact[] {
  const own = legs.filter(({ target }) => !profiles.some((profile) => profile.target === target));
  return [
    ...profiles.map(({ name, path, holds }) => fact('profile', `${name} in ${path}${KEPT[holds]}`, 'strong')),
    ...own.map(({ target }) => fact('profile', `none for ${target}: use it as you are signed in there`)),
  ];
}

function endFacts(grant: GrantView, now: number): Fact[] {
  const end = endOf(grant);
  return end === null ? [] : [fact('ends', `${recordedTime(end, now)}${orWhenIdle(grant.idleSeconds)}`)];
}
