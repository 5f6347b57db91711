/**
 * The part of a command line that asks for access, shared by request and exec.
 * @module
 */
import { parseDuration } from '../../core/duration.ts';
import { display } from '../../core/display.ts';
import { JitError } from '../../core/errors.ts';
import { type Ask, parseReason, parseResource, parseTicket } from '../../core/request.ts';
import { type Flag, type Input, type Positional, single, usage } from '../command.ts';
import { checkProfileName } from '../../profiles/names.ts';
import type { Format } from '../output.ts';
import type { Wish } from './install.ts';

/** For how long and why, checked as far as this side can. Null: still to be asked on a terminal. */
export interface AccessTerms {
  readonly seconds: number | null;
  readonly reason: string | null;
  readonly ticket: string | null;
  /** For emergency access: the incident, as people call it, perhaps with its source in front. */
  readonly incident: string | null;
  readonly format: Format;
}

/** What was asked for. */
export interface AccessOptions extends AccessTerms {
  readonly ask: Ask;
  /** What else is to be granted with it, all or nothing. */
  readonly also: readonly Ask[];
}

/** How long to wait for a decision. */
export type Patience = { readonly kind: 'none' } | { readonly kind: 'seconds'; readonly seconds: number };

export const DEFAULT_PATIENCE_SECONDS = 600;

export const ACCESS_POSITIONALS: readonly Positional[] = [
  { name: 'operation', about: 'a catalogued operation, or a permission such as s3:GetObject', takes: 'at most one' },
  { name: 'resource', about: "the provider's own identifier, such as an ARN; or name=value", takes: 'any number' },
];

export const ACCESS_FLAGS: readonly Flag[] = [
  { name: 'for', value: 'duration', about: 'how long: 90s, 15m, 1h30m, 2h' },
  { name: 'reason', value: 'text', about: 'why; it is recorded, at most 1,000 characters' },
  { name: 'ticket', value: 'id', about: 'the ticket behind it, such as OPS-1234' },
  { name: 'target', value: 'name', about: 'a configured target, where it does not follow' },
  {
    name: 'also',
    value: 'ask',
    about: "more in the same grant, all or nothing, in quotes:\n'OPERATION RESOURCE… [--target NAME]'; may be repeated",
    repeats: true,
  },
  { name: 'operation', value: 'name', about: 'the same as the first word' },
  { name: 'resource', value: 'id', about: 'the same as the further words; may be repeated', repeats: true },
  { name: 'duration', value: 'duration', about: 'the same as --for' },
];

export const TIMEOUT_FLAG: Flag = {
  name: 'timeout',
  value: 'duration',
  about: 'give up waiting for a decision after this long (10m)',
};

/** Of a command that makes a profile. */
export const PROFILE_FLAGS: readonly Flag[] = [
  { name: 'profile', value: 'name', about: 'name of the profile; made up if left out' },
  { name: 'plan', about: 'submit nothing: show decision, permission and revocation' },
  { name: 'no-wait', about: 'do not wait for a decision' },
];

export const KEYS_FLAG: Flag = {
  name: 'write-credentials',
  about: 'also write the keys to ~/.aws/credentials, for tools\nthat read nothing else',
};

/** Throws `ERR_PROFILE_NAME`. */
export function parseWish(input: Input): Wish {
  const profile = single(input, 'profile');
  return {
    profile: profile === null ? null : checkProfileName(profile),
    holds: input.switches.has('write-credentials') ? 'keys' : 'process',
    onFailure: 'revoke',
  };
}

/** Pure. Throws for whatever is wrong with what was given; what is missing may still be asked for. */
export function parseAccess(input: Input): AccessOptions {
  return { ask: parseAsk(input), also: parseAlso(input), ...parseTerms(input) };
}

/** The same without what is asked for. */
export function parseTerms(input: Input): AccessTerms {
  const duration = single(input, 'for', 'duration');
  const reason = single(input, 'reason');
  const ticket = single(input, 'ticket');
  const incident = single(input, 'incident');
  return {
    seconds: duration === null ? null : naming('--for', duration, parseDuration),
    reason: reason === null ? null : parseReason(reason),
    ticket: ticket === null ? null : naming('--ticket', ticket, parseTicket),
    incident: incident === null ? null : naming('--incident', incident, parseIncident),
    format: input.format,
  };
}

/** Throws `ERR_MISSING_INPUT` without an operation. */
export function parseAsk(input: Input): Ask {
  const flagged = single(input, 'operation');
  const [first, ...rest] = input.words;
  if (flagged !== null && first === flagged) throw usage('the operation is given twice', 'leave --operation out');
  const operation = flagged ?? first;
  if (operation === undefined || operation === '') {
    throw new JitError({
      code: 'ERR_MISSING_INPUT',
      message: 'which operation?',
      hint: 'see what there is with: jit catalog',
    });
  }
  const resources = [...(flagged === null ? rest : input.words), ...(input.values.get('resource') ?? [])];
  const target = single(input, 'target');
  return {
    operation: parseOperation(operation),
    resources: resources.map((resource) => naming(null, resource, parseResource)),
    ...(target === null ? {} : { target: parseTarget(target) }),
  };
}

const MOST_ASKS = 10;

/** Each as `OPERATION RESOURCE… [--target NAME]`; no part of an ask holds a blank. Throws as `parseAsk`, naming `--also`. */
export function parseAlso(input: Input): readonly Ask[] {
  const given = input.values.get('also') ?? [];
  if (given.length >= MOST_ASKS) throw usage(`--also: at most ${MOST_ASKS} things in one request`);
  return given.map((text) => naming('--also', text, parseOneAsk));
}

function parseOneAsk(text: string): Ask {
  const words = text.split(/ +/).filter((word) => word !== '');
  const flag = words.indexOf('--target');
  const target = flag === -1 ? null : words[flag + 1];
  const [operation, ...resources] = flag === -1 ? words : words.toSpliced(flag, 2);
  if (operation === undefined || target === undefined || resources.some((word) => word.startsWith('--'))) {
    throw usage('that is not an operation with its resources', "write it like 's3:GetObject arn:aws:s3:::bucket/key'");
  }
  return {
    operation: parseOperation(operation),
    resources: resources.map((resource) => parseResource(resource)),
    ...(target === null ? {} : { target: parseTarget(target) }),
  };
}

// What the broker takes; whether it exists is for the broker to say, with a did-you-mean.
const OPERATION = /^[A-Za-z0-9][A-Za-z0-9._:/*-]{0,127}$/;
const INCIDENT = /^[\x21-\x7e]{1,128}$/;
const TARGET = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Throws `ERR_OPERATION`. */
export function parseOperation(text: string): string {
  if (OPERATION.test(text)) return text;
  throw new JitError({
    code: 'ERR_OPERATION',
    message: 'that is not an operation',
    hint: 'a name from jit catalog, or a permission such as s3:GetObject',
  });
}

/** Throws `ERR_USAGE` for what no source could call an incident. */
export function parseIncident(text: string): string {
  if (INCIDENT.test(text)) return text;
  throw usage('that is not the name of an incident', 'as its source calls it, such as INC-7');
}

/** Throws `ERR_TARGET`. */
export function parseTarget(text: string): string {
  if (TARGET.test(text)) return text;
  throw new JitError({
    code: 'ERR_TARGET',
    message: 'that is not the name of a target',
    hint: 'jit catalog lists the targets',
  });
}

/** Parses, and puts in front of a complaint what it is about. */
function naming<T>(flag: string | null, value: string, parse: (text: string) => T): T {
  try {
    return parse(value);
  } catch (thrown) {
    if (!(thrown instanceof JitError)) throw thrown;
    const { code, message, hint } = thrown;
    const about = [...(flag === null ? [] : [flag]), display(value, 60)].join(' ');
    throw new JitError({ code, message: `${about}: ${message}`, hint });
  }
}

/** `--timeout`, or the default. */
export function parsePatience(input: Input): Patience {
  const timeout = single(input, 'timeout');
  if (input.switches.has('no-wait')) {
    if (timeout !== null) throw usage('--no-wait and --timeout exclude each other');
    return { kind: 'none' };
  }
  return {
    kind: 'seconds',
    seconds: timeout === null ? DEFAULT_PATIENCE_SECONDS : naming('--timeout', timeout, parseDuration),
  };
}
