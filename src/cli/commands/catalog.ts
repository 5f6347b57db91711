/**
 * `jit catalog`: what can be asked for, and how it would be decided.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import { display } from '../../core/display.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { CatalogView } from '../../wire/views.ts';
import { SANDBOX_NOTE } from '../access/words.ts';
import { command } from '../command.ts';
import type { Format } from '../output.ts';
import { brokerFact, type Site, siteOf } from '../site.ts';
import { type Column, fact, record, table } from '../table.ts';
import { type Line, toned } from '../text.ts';

export interface CatalogOptions {
  readonly operation: string | null;
  readonly format: Format;
}

export const catalog = command<CatalogOptions>({
  name: 'catalog',
  group: 'inspect',
  summary: 'show what can be asked for, and how it is decided',
  positionals: [{ name: 'operation', about: 'only this operation, with its parameters', takes: 'at most one' }],
  flags: [],
  examples: [
    { about: 'what there is', line: 'jit catalog' },
    { about: 'one operation', line: 'jit catalog deploy-web' },
  ],
  parse: ({ words, format }) => ({ operation: words[0] ?? null, format }),
  run: async (context, { operation, format }) => {
    const { out } = context;
    const { client } = await context.broker();
    const site = await siteOf(context);
    const view = await client.catalog();
    const chosen = operation === null ? view.operations : [find(view, operation, site)];
    if (format === 'json') out.document('catalog', { ...view, operations: chosen, broker: site.name });
    else if (operation === null) await out.print([...heading(site, out.width), ...overview(view, out.width)]);
    else await out.print(chosen.flatMap((each) => details(each, site, out.width)));
    return 0;
  },
});

type Operation = CatalogView['operations'][number];

function find({ operations }: CatalogView, name: string, { broker, line }: Site): Operation {
  const found = operations.find((each) => each.name === name);
  if (found !== undefined) return found;
  throw new JitError({
    code: 'ERR_NOT_FOUND',
    message: `there is no operation ${display(name, 128)} in the catalogue`,
    hint:
      didYouMean(
        name,
        operations.map((each) => each.name),
      ) ?? 'permissions of a cloud, such as s3:GetObject, need no entry: try ' + line('jit request … --plan'),
    broker,
  });
}

const OPERATIONS: readonly Column[] = [
  { title: 'OPERATION', cut: 'never' },
  { title: 'DECISION', cut: 'may' },
  { title: 'RISK', cut: 'never' },
  { title: 'WHAT', cut: 'may' },
];

const TARGETS: readonly Column[] = [
  { title: 'TARGET', cut: 'never' },
  { title: 'KIND', cut: 'may' },
  { title: 'ENVIRONMENT', cut: 'may' },
  { title: 'PERMISSIONS', cut: 'never' },
  { title: 'DECISION', cut: 'may' },
];

/** Whose catalogue it is, above it. */
function heading(site: Site, width: number): Line[] {
  const facts = brokerFact(site);
  return facts.length === 0 ? [] : [...record(facts, width), ''];
}

function overview({ operations, targets }: CatalogView, width: number): Line[] {
  const rows = operations.map(({ name, decision, risk, description }) => [
    toned('strong', name),
    toned('plain', decision),
    toned('plain', risk),
    toned('dim', description),
  ]);
  const places = targets.flatMap(({ name, provider, account, environment, sandbox, decisions }) =>
    Object.entries(decisions).map(([level, decision], index) => [
      toned('strong', index === 0 ? name : ''),
      toned(sandbox ? 'warn' : 'plain', index > 0 ? '' : sandbox ? SANDBOX_NOTE : `${provider} ${account}`),
      toned('plain', index === 0 ? environment : ''),
      toned('plain', level),
      toned('plain', decision),
    ]),
  );
  return [
    ...(rows.length === 0 ? ['no named operations'] : table(OPERATIONS, rows, width)),
    '',
    ...(places.length === 0 ? ['no targets'] : table(TARGETS, places, width)),
  ];
}

function details(
  { name, description, risk, actions, also, resources, parameters, targets, decision }: Operation,
  site: Site,
  width: number,
): Line[] {
  return record(
    [
      fact('operation', name, 'strong'),
      ...brokerFact(site),
      fact('what', description),
      fact('risk', risk),
      fact('actions', actions.join(', ')),
      ...(also.length === 0 ? [] : [fact('with it', also.join(', '))]),
      fact('resources', resources.join(', ')),
      fact('targets', targets.join(', ')),
      fact('decision', decision),
      ...parameters.map((each) => fact(`${each.name}=`, `${each.description} (${each.accepts})`)),
    ],
    width,
  );
}
