/**
 * What emergency access still lacks: asked for on a terminal; elsewhere it is said which flags to add.
 * @module
 */
import { type Ask, parseResource } from '../../core/request.ts';
import type { IncidentView } from '../../wire/emergencies.ts';
import { askText } from '../ask.ts';
import type { Context } from '../context.ts';
import { canAsk } from './consent.ts';
import { type CompleteAccess, completeAccess, type Lack, lacksOf, missing } from './complete.ts';
import { type AccessTerms, parseOperation } from './flags.ts';

/** What was asked for so far. Null: still to be asked. */
export interface EmergencyOptions extends AccessTerms {
  readonly ask: Ask | null;
  readonly also: readonly Ask[];
  /** Of an ask that is not there yet. */
  readonly target: string | null;
}

/** Access that lacks nothing, with its incident. */
export interface Emergency {
  readonly access: CompleteAccess & { readonly incident: string };
  /** What is known of it here: nothing where it was named. */
  readonly seen: IncidentView | null;
}

/** Throws `ERR_MISSING_INPUT` where nobody can be asked or there is nothing to choose, `ERR_INTERRUPTED` after Ctrl-C. */
export async function completeEmergency(context: Context, options: EmergencyOptions): Promise<Emergency> {
  const { ask, incident, ...terms } = options;
  if (!canAsk(context, options.format)) {
    const lacks: readonly Lack[] = [
      ...(ask === null ? [['the operation', 'OPERATION RESOURCE'] as const] : []),
      ...(incident === null ? [['--incident', '--incident ID'] as const] : []),
      ...lacksOf(options),
    ];
    const more = incident === null ? '; the open ones that are yours: jit breakglass' : '';
    if (lacks.length > 0) throw missing(lacks, more);
  }
  const seen = incident === null ? await choose(context) : null;
  const named = incident ?? (seen === null ? '' : `${seen.source}/${seen.id}`);
  const asked = ask ?? (await askWhat(context, options.target));
  const access = await completeAccess(context, { ...terms, ask: asked, incident: named });
  return { access: { ...access, incident: named }, seen };
}

async function choose(context: Context): Promise<IncidentView> {
  const { chooseIncident } = await import('./emergency-incidents.ts');
  return await chooseIncident(context);
}

async function askWhat(context: Context, target: string | null): Promise<Ask> {
  const operation = await askText(context, {
    message: 'which operation? (a name from jit catalog, or such as s3:GetObject)',
    parse: parseOperation,
  });
  const resources = wordsOf(
    await askText(context, {
      message: 'on what? (ARNs or name=value, with spaces between them; nothing if it needs none)',
      parse: (text) => wordsOf(text).map(parseResource),
    }),
  );
  return { operation, resources, ...(target === null ? {} : { target }) };
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
