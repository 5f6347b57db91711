/**
 * What can be asked for: named operations from the configuration, and the providers' own permissions beside them.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Target } from '../../core/ports.ts';
import type { Ask, Permission } from '../../core/request.ts';
import { didYouMean, suggest } from '../../core/suggest.ts';
import { highest } from '../../core/access.ts';
import { type Risk, RISKS } from '../../policy/question.ts';
import { type BrokerConfig, isRawPermission } from '../config/config.ts';
import { factsOf, isFact } from './facts.ts';
import { makeOperation, type Operation, resourcesOf, sortArguments } from './operation.ts';

/** What an ask comes to: one permission for each target. */
export interface Resolved {
  readonly permissions: readonly Permission[];
  /** Whether the operation is one of the catalogue. */
  readonly named: boolean;
  readonly risk: Risk;
}

export interface CatalogEntry {
  readonly name: string;
  readonly description: string;
  readonly risk: Risk;
  readonly actions: readonly string[];
  /** The operations that are granted with it. */
  readonly also: readonly string[];
  /** Templates, as configured. */
  readonly resources: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly description: string; readonly accepts: string }[];
  /** Where it can be used. */
  readonly targets: readonly string[];
  /** Asks that would be understood, one for each of `targets`. */
  readonly examples: readonly Ask[];
}

export interface Catalog {
  /**
   * Throws `ERR_OPERATION` (with a did-you-mean), `ERR_RESOURCE` (the hint lists the parameters) or `ERR_TARGET` (the
   * hint lists the targets). Whether a raw permission exists is for its provider to say.
   */
  resolve(ask: Ask): Resolved;
  /** Sorted by name. */
  list(): readonly CatalogEntry[];
}

/** The forms of the providers' own permissions, to find the one target that can be meant. */
const FORMS: readonly (readonly [provider: string, form: RegExp])[] = [
  ['aws', /^(?!identity-center:)[A-Za-z0-9-]+:[^:/]+$/i],
  ['aws-identity-center', /^identity-center:[^:/]+$/i],
  ['azure', /^(?:[A-Z]|microsoft\.)[A-Za-z.]*\/.+$/],
  ['kubernetes', /^(?!roles?\/|microsoft\.)[a-z0-9.-]+(?:\/[a-z]+){1,2}$/],
  ['gcp', /^(?:[a-z][a-zA-Z]*(?:\.[a-zA-Z]+){2,}|(?:(?:projects\/[a-z0-9-]+|organizations\/\d+)\/)?roles\/[\w.]+)$/],
  ['postgres', /^role\/[^/]+$/],
];

/** Throws `ERR_CONFIG`, listing every operation that makes no sense or names a target that is not configured. */
export function makeCatalog(
  config: Pick<BrokerConfig, 'operations'>,
  targets: ReadonlyMap<string, Pick<Target, 'provider'> & Partial<Pick<Target, 'tool'>>>,
): Catalog {
  const problems: string[] = [];
  const operations = new Map<string, Operation>();
  for (const [name, definition] of config.operations) {
    const report = (problem: string): void => void problems.push(`operation ${name}: ${problem}`);
    const operation = makeOperation(name, definition, report);
    for (const other of operation.also) {
      const also = config.operations.get(other)?.also;
      if (also === undefined)
        report(`also: there is no operation ${other}${hintOf(didYouMean(other, config.operations.keys()))}`);
      else if (also.length > 0 || other === name)
        report(`also: ${other} brings others with it, so it cannot be brought itself`);
    }
    for (const target of operation.targets) {
      if (!targets.has(target)) report(`there is no target ${target}${hintOf(didYouMean(target, targets.keys()))}`);
    }
    operations.set(name, operation);
  }
  if (problems.length > 0) throw new JitError({ code: 'ERR_CONFIG', message: problems.join('\n  ') });

  const fitting = (permission: string): string[] => {
    const kinds = FORMS.filter(([, form]) => form.test(permission)).map(([provider]) => provider);
    return [...targets].filter(([, target]) => kinds.includes(target.provider)).map(([name]) => name);
  };
  /** Where an operation of the catalogue can be used. */
  const placesOf = ({ targets: own, actions }: Operation): readonly string[] => {
    if (own.length > 0) return own;
    return actions.map(fitting).reduce((all, some) => all.filter((name) => some.includes(name)));
  };

  const factsAt = ({ name, templates }: Operation, place: string): ReadonlyMap<string, string> => {
    const facts = factsOf(targets.get(place) ?? {});
    const missing = templates.flatMap(({ names }) => names).find((each) => isFact(each) && !facts.has(each));
    if (missing === undefined) return facts;
    const message = `${name} cannot be used at target ${place}, which has no {${missing}}`;
    throw wrongTarget(
      message,
      [...targets.keys()].filter((other) => factsOf(targets.get(other) ?? {}).has(missing)),
    );
  };
  const partsOf = (operation: Operation): readonly Operation[] => [
    operation,
    ...operation.also.flatMap((name) => operations.get(name) ?? []),
  ];

  const resolveNamed = (ask: Ask): Resolved => {
    const operation = operations.get(ask.operation);
    if (operation === undefined) throw unknownOperation(ask.operation, [...operations.keys()]);
    const parts = partsOf(operation);
    const given = sortArguments(parts, ask.resources);
    const permissions = parts.flatMap((part, index) => {
      const args = given[index] ?? [];
      const places = placesOf(part);
      const own = index === 0 ? ask : { operation: part.name, resources: args };
      const all = part.targets.length > 0 && own.target === undefined;
      const chosen = all ? places : [chooseTarget(own, places)];
      return chosen.map((target) => {
        const resources = resourcesOf(part, args, factsAt(part, target));
        return { target, operation: part.name, actions: part.actions, resources };
      });
    });
    return {
      permissions,
      named: true,
      risk:
        highest(
          RISKS,
          parts.map(({ risk }) => risk),
        ) ?? operation.risk,
    };
  };

  const resolveRaw = (ask: Ask): Resolved => {
    if (!/^[\x21-\x7e]{1,256}$/.test(ask.operation)) throw unknownOperation(ask.operation, []);
    if (ask.resources.length === 0) {
      const hint = "name what it is for, such as 'arn:aws:s3:::bucket/*'";
      throw new JitError({ code: 'ERR_RESOURCE', message: 'a permission needs a resource', hint });
    }
    // A target that is named is taken at its word: its provider knows its own permissions best.
    const places = ask.target === undefined ? fitting(ask.operation) : [...targets.keys()];
    const { operation, resources } = ask;
    const permission = { target: chooseTarget(ask, places), operation, actions: [operation], resources };
    return { permissions: [permission], named: false, risk: 'medium' };
  };

  const chooseTarget = (ask: Ask, places: readonly string[]): string => {
    if (ask.target !== undefined) {
      if (places.includes(ask.target)) return ask.target;
      const message = targets.has(ask.target)
        ? `${ask.operation} cannot be used at target ${ask.target}`
        : `there is no target ${JSON.stringify(ask.target.slice(0, 80))} at this broker`;
      const [meant] = suggest(ask.target, places, 1);
      throw wrongTarget(message, meant === undefined ? places : [meant]);
    }
    const [only, ...more] = places;
    if (only === undefined) throw wrongTarget(`no target here can be meant by ${ask.operation}`, [...targets.keys()]);
    if (more.length > 0) throw wrongTarget('more than one target can be meant', places);
    return only;
  };

  return {
    resolve: (ask) => (isRawPermission(ask.operation) ? resolveRaw(ask) : resolveNamed(ask)),
    list: () =>
      [...operations.values()]
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map((operation) => entryOf(operation, partsOf(operation), placesOf(operation))),
  };
}

/** @param parts it and what it brings: they share their arguments. */
function entryOf(operation: Operation, parts: readonly Operation[], places: readonly string[]): CatalogEntry {
  const { name, description, risk, actions, templates } = operation;
  const parameters = [...new Map(parts.flatMap((part) => [...part.parameters]))];
  const resources = parameters.map(([key, { example }]) => `${key}=${example}`);
  return {
    name,
    description,
    risk,
    actions,
    also: operation.also,
    resources: templates.map(({ text }) => text),
    parameters: parameters.map(([key, parameter]) => ({
      name: key,
      description: parameter.description,
      accepts: parameter.accepts,
    })),
    targets: places,
    examples: places.map((target) => ({ operation: name, resources, target })),
  };
}

function unknownOperation(typed: string, names: readonly string[]): JitError {
  return new JitError({
    code: 'ERR_OPERATION',
    message: `there is no operation ${JSON.stringify(typed.slice(0, 80))}`,
    hint:
      didYouMean(typed, names) ?? "use a name from jit catalog, or a provider's own permission such as s3:GetObject",
  });
}

function wrongTarget(message: string, names: readonly string[]): JitError {
  const hint = names.length === 0 ? 'no target is configured' : names.map((name) => `--target ${name}`).join(' or ');
  return new JitError({ code: 'ERR_TARGET', message, hint });
}

function hintOf(text: string | undefined): string {
  return text === undefined ? '' : `, ${text}`;
}
