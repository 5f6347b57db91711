/**
 * The protocol of STS and IAM: a form comes in, XML goes out.
 * Source: IAM user guide, "Making query requests"; STS and IAM API references.
 * @module
 */
import type { Cloud } from './cloud.ts';
import { fault } from './fault.ts';
import type { Fault } from './fault.ts';
import type { CloudRequest } from './request.ts';
import { parsePairs, utf8Of } from './request.ts';
import { authenticate } from './sigv4/authenticate.ts';
import type { Principal } from './principal.ts';
import { sha256Hex } from './sigv4/signature.ts';

/** The parameters of one call, decoded from UTF-8. */
export type Parameters = ReadonlyMap<string, string>;

/** One call as a handler sees it. */
export interface Call {
  readonly cloud: Cloud;
  readonly parameters: Parameters;
}

/** A call whose caller is known. */
export interface SignedCall extends Call {
  readonly principal: Principal;
}

/** The markup inside `<ActionResult>`, or null for an action that answers nothing, or a refusal. */
export type Answer = string | null | Fault;

/** One action: which parameters it knows, and whether it is signed. */
export type Action =
  | {
      readonly kind: 'signed';
      readonly parameters: RegExp;
      readonly run: (call: SignedCall) => Answer | Promise<Answer>;
    }
  | { readonly kind: 'open'; readonly parameters: RegExp; readonly run: (call: Call) => Answer | Promise<Answer> };

/** One service of this protocol. */
export interface Service {
  /** As in the credential scope: `sts`, `iam`. */
  readonly name: string;
  readonly version: string;
  readonly namespace: string;
  readonly actions: ReadonlyMap<string, Action>;
}

const FORM = /^application\/x-www-form-urlencoded(?:\s*;\s*charset=utf-8)?$/i;
const AUTH = /^x-amz-/i;

/** Reads the parameters of a POST body or, for GET, of the query string. Null where this is no such call at all. */
export function readParameters(request: CloudRequest): Parameters | Fault | null {
  if (request.path !== '/') return null;
  if (request.method === 'GET') return request.query.has('Action') ? decoded(request.query) : null;
  if (request.method !== 'POST') return null;
  if (!FORM.test(request.headers.get('content-type') ?? '')) {
    return fault('MalformedInput', 400, 'The body must be application/x-www-form-urlencoded in UTF-8.');
  }
  if ([...request.query.keys()].some((name) => !AUTH.test(name))) {
    return fault('MalformedInput', 400, 'The parameters of a POST belong into its body.');
  }
  const pairs = parsePairs(request.body.toString('latin1'));
  if (pairs === null) return fault('MalformedInput', 400, 'The form is malformed or repeats a parameter.');
  return decoded(pairs);
}

function decoded(pairs: ReadonlyMap<string, string>): Parameters | Fault {
  const parameters = new Map<string, string>();
  for (const [rawName, rawValue] of pairs) {
    const name = utf8Of(rawName);
    const value = utf8Of(rawValue);
    if (name === null || value === null) return fault('MalformedInput', 400, 'A parameter is not UTF-8.');
    if (!AUTH.test(name)) parameters.set(name, value);
  }
  return parameters;
}

/** Who is calling, or a refusal. */
export function signer(cloud: Cloud, request: CloudRequest, service: Service): Principal | Fault {
  const actual = sha256Hex(request.body);
  const declared = request.headers.get('x-amz-content-sha256');
  if (declared !== undefined && declared !== actual) {
    return fault('SignatureDoesNotMatch', 403, 'The body does not match x-amz-content-sha256.');
  }
  const caller = authenticate(cloud, request, { flavour: 'query', service: service.name, payload: actual });
  return 'fault' in caller ? caller : caller.principal;
}

/** Finds the action and checks that it knows every parameter: one that is not understood must not be ignored. */
export function findAction(service: Service, parameters: Parameters): Action | Fault {
  const name = parameters.get('Action') ?? '';
  const action = service.actions.get(name);
  if (action === undefined) {
    return fault(
      'InvalidAction',
      400,
      `Could not find operation ${JSON.stringify(name.slice(0, 64))} in this sandbox.`,
    );
  }
  for (const parameter of parameters.keys()) {
    if (parameter !== 'Action' && parameter !== 'Version' && !action.parameters.test(parameter)) {
      return fault('ValidationError', 400, `The parameter ${JSON.stringify(parameter.slice(0, 64))} is not supported.`);
    }
  }
  return action;
}
