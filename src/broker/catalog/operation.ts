/**
 * A named operation: definition checked once, then filled in for each request.
 * @module
 */
import { JitError } from '../../core/errors.ts';
import type { Risk } from '../../policy/question.ts';
import type { OperationConfig } from '../config/config.ts';
import { makeParameter, type Parameter } from './parameter.ts';
import { isFact } from './facts.ts';
import { makeTemplate, type Template } from './template.ts';

export interface Operation {
  readonly name: string;
  readonly description: string;
  readonly actions: readonly string[];
  readonly templates: readonly Template[];
  readonly parameters: ReadonlyMap<string, Parameter>;
  /** The targets that it names; empty where the requester chooses. */
  readonly targets: readonly string[];
  readonly risk: Risk;
  /** Names of the operations that are granted with it, all or nothing. */
  readonly also: readonly string[];
}

/** @param report is called with each problem, in plain words; with a problem the result must not be used. */
export function makeOperation(name: string, config: OperationConfig, report: (problem: string) => void): Operation {
  const templates = config.resources.flatMap((text) => {
    const template = makeTemplate(text);
    if (typeof template !== 'string') return [template];
    report(`resource ${JSON.stringify(text)}: ${template}`);
    return [];
  });
  const parameters = new Map<string, Parameter>();
  for (const [key, definition] of Object.entries(config.parameters)) {
    const parameter = makeParameter(definition);
    if (typeof parameter === 'string') report(`parameter ${key}: ${parameter}`);
    else parameters.set(key, parameter);
  }
  const used = new Set(templates.flatMap((template) => template.names.filter((each) => !isFact(each))));
  for (const key of used)
    if (!Object.hasOwn(config.parameters, key)) report(`there is no parameter ${JSON.stringify(key)}`);
  for (const key of parameters.keys()) if (!used.has(key)) report(`parameter ${key} is used in no resource`);
  const { description, actions, risk, target, also } = config;
  const targets = config.targets ?? (target === undefined ? [] : [target]);
  return { name, description, actions, templates, parameters, targets, risk, also };
}

/**
 * The operation's resources for `name=value` arguments, at a target of which the facts are known.
 * Throws `ERR_RESOURCE` for an argument that is missing, unknown, given twice, or not accepted; the hint lists all parameters.
 */
export function resourcesOf(
  operation: Operation,
  given: readonly string[],
  facts: ReadonlyMap<string, string>,
): string[] {
  const values = new Map<string, string>();
  for (const argument of given) {
    const sign = argument.indexOf('=');
    const key = argument.slice(0, Math.max(sign, 0));
    const value = argument.slice(sign + 1);
    const parameter = operation.parameters.get(key);
    if (parameter === undefined) {
      throw refuse(
        operation,
        `${operation.name} takes name=value arguments, and not ${JSON.stringify(argument.slice(0, 80))}`,
      );
    }
    if (values.has(key)) throw refuse(operation, `${key} is given twice`);
    if (!parameter.accepted(value))
      throw refuse(operation, `${JSON.stringify(value.slice(0, 80))} is not a value of ${key}`);
    values.set(key, value);
  }
  const missing = [...operation.parameters.keys()].filter((key) => !values.has(key));
  if (missing.length > 0) throw refuse(operation, `${operation.name} needs ${missing.join(', ')}`);
  return operation.templates.map((template) => template.expand(new Map([...values, ...facts])));
}

/**
 * What was given, for each of several operations that are asked for together: each gets the arguments that it knows. What none
 * of them knows is left with the first, which will refuse it.
 */
export function sortArguments(parts: readonly Operation[], given: readonly string[]): readonly (readonly string[])[] {
  const keyOf = (argument: string): string => argument.slice(0, Math.max(argument.indexOf('='), 0));
  const known = (argument: string): boolean => parts.some(({ parameters }) => parameters.has(keyOf(argument)));
  return parts.map(({ parameters }, index) =>
    given.filter((argument) => parameters.has(keyOf(argument)) || (index === 0 && !known(argument))),
  );
}

function refuse(operation: Operation, message: string): JitError {
  const parameters = [...operation.parameters].map(([key, { accepts }]) => `${key}=… (${accepts})`);
  const hint = parameters.length === 0 ? 'it takes no arguments' : `write ${parameters.join(' ')}`;
  return new JitError({ code: 'ERR_RESOURCE', message, hint });
}
