/**
 * The file that says what a role may do at most: an identity-based policy of IAM, checked before it becomes part of a template.
 * Sources: IAM user guide, "IAM JSON policy elements reference" and "IAM and AWS STS quotas"; CloudFormation user guide,
 * "Get values stored in other services using dynamic references".
 * @module
 */
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { jsonProblem } from '../../core/json.ts';

/** A piece of JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A policy document whose statements have been looked at. */
export interface PolicyDocument {
  readonly [name: string]: Json;
  readonly Version: '2012-10-17';
  readonly Statement: readonly Json[];
}

/** IAM: a managed policy has at most 6,144 characters, white space not counted. */
const LONGEST = 6_144;
const FIELDS = new Set(['Version', 'Id', 'Statement']);
const STATEMENT_FIELDS = new Set(['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition']);
// IAM takes these characters, and Sids of letters and digits.
const TEXT = /^[\x20-\x7e\xa0-\xff]*$/;
const SID = /^[A-Za-z0-9]*$/;
const OPERATOR =
  /^(?:For(?:AllValues|AnyValue):)?(?:(?:String|Numeric|Date|Arn)[A-Za-z]{1,30}|Bool|BinaryEquals|(?:Not)?IpAddress|Null)$/;
// Not two colons: that would be a function of CloudFormation.
const KEY = /^[A-Za-z0-9][\w./-]*:[\w./][\x20-\x7e]*$/;

/**
 * @param file how messages call it.
 * Throws `ERR_CONFIG` for what IAM would not take as a policy of a role, or what a template would not carry as it is written.
 */
export function readPolicy(text: string, file: string): PolicyDocument {
  const parsed = parse(text, file);
  if (!isObject(parsed)) throw refuse(file, 'a policy is one JSON object');
  demandFields(parsed, FIELDS, file, '');
  if (parsed['Version'] !== '2012-10-17') throw refuse(file, 'Version is "2012-10-17"');
  const given = parsed['Statement'] ?? null;
  const statements = Array.isArray(given) ? given : [given];
  if (statements.length === 0) throw refuse(file, 'Statement is empty');
  statements.forEach((each: Json, index) => checkStatement(each, file, `Statement ${index + 1}`));
  const document: PolicyDocument = { Version: '2012-10-17', Statement: statements };
  if (JSON.stringify(document).length > LONGEST) {
    throw refuse(
      file,
      `longer than the ${LONGEST} characters that IAM takes`,
      'name a managed policy by its ARN instead',
    );
  }
  return document;
}

function parse(text: string, file: string): Json {
  const problem = text.length > 65_536 ? 'too large' : jsonProblem(text, { depth: 12, members: 5_000 });
  if (problem !== null) throw refuse(file, problem);
  try {
    // Safe: what JSON.parse returns is JSON.
    return JSON.parse(text) as Json;
  } catch {
    throw refuse(file, 'it is not JSON');
  }
}

function checkStatement(statement: Json, file: string, where: string): void {
  if (!isObject(statement)) throw refuse(file, `${where} is not an object`);
  demandFields(statement, STATEMENT_FIELDS, file, `${where}: `);
  const { Sid, Effect, Action, NotAction, Resource, NotResource, Condition } = statement;
  if (Sid !== undefined && !(typeof Sid === 'string' && SID.test(Sid))) {
    throw refuse(file, `${where}: Sid has letters and digits only`);
  }
  if (Effect !== 'Allow' && Effect !== 'Deny') throw refuse(file, `${where}: Effect is "Allow" or "Deny"`);
  demandOne(file, where, ['Action', Action], ['NotAction', NotAction]);
  demandOne(file, where, ['Resource', Resource], ['NotResource', NotResource]);
  if (Condition !== undefined) checkCondition(Condition, file, where);
}

type Element = readonly [name: string, value: Json | undefined];

function demandOne(file: string, where: string, a: Element, b: Element): void {
  const given = [a, b].filter(([, value]) => value !== undefined);
  const [only] = given;
  if (only === undefined || given.length > 1) throw refuse(file, `${where}: one of ${a[0]} and ${b[0]} is needed`);
  const [name, value] = only;
  if (!isTexts(value ?? null)) throw refuse(file, `${where}: ${name} is a text or a list of texts, without {{`);
}

function checkCondition(condition: Json, file: string, where: string): void {
  if (!isObject(condition)) throw refuse(file, `${where}: Condition is not an object`);
  for (const [operator, tests] of Object.entries(condition)) {
    const known = OPERATOR.test(operator);
    if (!known || !isObject(tests)) throw refuse(file, `${where}: ${display(operator, 60)}: no condition of IAM`);
    for (const [key, value] of Object.entries(tests)) {
      const sound = KEY.test(key) && !key.includes('{{') && (typeof value === 'boolean' || isTexts(value));
      if (!sound) throw refuse(file, `${where}: ${display(key, 60)}: no condition of IAM`);
    }
  }
}

/** Two braces would make CloudFormation look the value up elsewhere. */
function isTexts(value: Json): boolean {
  const list = Array.isArray(value) ? value : [value];
  return list.length > 0 && list.every((each) => typeof each === 'string' && TEXT.test(each) && !each.includes('{{'));
}

function demandFields(object: object, known: ReadonlySet<string>, file: string, where: string): void {
  const strange = Object.keys(object).find((name) => !known.has(name));
  if (strange === undefined) return;
  const hint =
    strange === 'Principal'
      ? 'a policy of a role says what it may do; who may use it is written by this command'
      : undefined;
  throw refuse(file, `${where}${display(strange, 60)}: not part of a policy of a role`, hint);
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(file: string, problem: string, hint?: string): JitError {
  return new JitError({ code: 'ERR_CONFIG', message: `${display(file)}: ${problem}`, hint });
}
