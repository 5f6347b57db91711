/**
 * The open incidents that somebody has a part in: as a list, and as a choice.
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError, worded } from '../../core/errors.ts';
import type { IncidentList, IncidentView } from '../../wire/emergencies.ts';
import { askChoice } from '../ask.ts';
import type { Context } from '../context.ts';
import type { Format } from '../output.ts';
import { unlessStopped, withProgress } from '../progress.ts';
import { type Site, siteOf } from '../site.ts';
import { type Cell, type Column, table } from '../table.ts';
import { fitColumns, toned } from '../text.ts';
import { relative, roughly } from '../time.ts';

/** `jit.incidents/v1`, or a table. @returns 0. */
export async function showIncidents(context: Context, format: Format): Promise<number> {
  const { out, now } = context;
  const site = await siteOf(context);
  const list = await askIncidents(context, site);
  if (format === 'json') {
    out.document('incidents', { ...list, broker: site.name });
    return 0;
  }
  await tellSilent(context, list, site);
  if (list.items.length === 0) await out.note(worded({ broker: site.broker, message: NONE }));
  else {
    const names = namesOf(list.items);
    await out.print(
      table(
        COLUMNS,
        list.items.map((each) => row(each, names, now())),
        out.width,
      ),
    );
    const first = list.items[0];
    const name = first === undefined ? 'ID' : display(names.get(first) ?? first.reference, 200);
    await out.hint(`what you may do then: ${site.line(`jit breakglass OPERATION RESOURCE --incident ${name} --plan`)}`);
  }
  return 0;
}

const NONE = 'there is no open incident of which you are a responder or on call';

/** Lets somebody choose. Throws `ERR_MISSING_INPUT` where there is nothing to choose from. */
export async function chooseIncident(context: Context): Promise<IncidentView> {
  const site = await siteOf(context);
  const list = await askIncidents(context, site);
  await tellSilent(context, list, site);
  const names = namesOf(list.items);
  const labels = list.items.map((each) => label(each, names, context.now(), context.out.width));
  if (labels.length === 0) {
    throw new JitError({
      code: 'ERR_MISSING_INPUT',
      message: NONE,
      hint: 'name one with: --incident ID',
      broker: site.broker,
    });
  }
  const chosen = labels.indexOf(await askChoice(context, 'for which incident?', labels));
  const incident = list.items[chosen];
  if (incident === undefined) throw new JitError({ code: 'ERR_UNEXPECTED', message: 'something else was chosen' });
  return incident;
}

/** How people call each: with its source in front where another one is called the same. */
function namesOf(items: readonly IncidentView[]): ReadonlyMap<IncidentView, string> {
  const alone = (each: IncidentView): boolean => items.every((other) => other === each || !sameName(other, each));
  return new Map(items.map((each) => [each, alone(each) ? each.reference : `${each.source}/${each.reference}`]));
}

const sameName = (a: IncidentView, b: IncidentView): boolean => a.reference === b.reference;

/** `commander, responder, on call (tier 1)`. */
export function standingWords({ responder, commander, onCallTier }: IncidentView): string {
  const parts = [
    ...(commander ? ['commander'] : responder ? ['responder'] : []),
    ...(onCallTier > 0 ? [`on call (tier ${onCallTier})`] : []),
  ];
  return parts.length === 0 ? 'no part in it' : parts.join(', ');
}

const COLUMNS: readonly Column[] = [
  { title: 'INCIDENT', cut: 'never' },
  { title: 'SEVERITY', cut: 'never' },
  { title: 'OPENED', cut: 'never' },
  { title: 'YOU', cut: 'never' },
  { title: 'TITLE', cut: 'may' },
  { title: 'SERVICES', cut: 'may' },
];

function row(each: IncidentView, names: ReadonlyMap<IncidentView, string>, now: number): readonly Cell[] {
  return [
    toned('strong', names.get(each) ?? each.reference),
    toned('warn', each.severity === null ? '-' : String(each.severity)),
    toned('plain', relative(Date.parse(each.openedAt), now)),
    toned('plain', standingWords(each)),
    toned('plain', each.title),
    toned('dim', each.services.join(', ')),
  ];
}

// What a choice shows goes to the terminal as it is, so it is escaped here; the library needs some room in front.
function label(each: IncidentView, names: ReadonlyMap<IncidentView, string>, now: number, width: number): string {
  const severity = each.severity === null ? '' : `, severity ${each.severity}`;
  const open = `open for ${roughly(Math.max(0, now - Date.parse(each.openedAt)))}`;
  const text = `${names.get(each) ?? each.reference}: ${each.title} (${open}${severity}; ${standingWords(each)})`;
  return fitColumns(display(text, 400), Math.max(40, width - 4));
}

async function askIncidents(context: Context, site: Site): Promise<IncidentList> {
  const waiting = { what: 'asking for open incidents', broker: site.broker, until: null };
  return await withProgress(context, waiting, async () => {
    const { client } = await context.broker();
    return await unlessStopped(context.signal, client.incidents());
  });
}

async function tellSilent({ out }: Context, { silent }: IncidentList, { broker }: Site): Promise<void> {
  for (const source of silent)
    await out.note(worded({ broker, message: `${source} gives no answer, so there may be more` }));
}
