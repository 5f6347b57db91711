/**
 * Reads what arrives on the keeper's socket.
 * @module
 */
import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { LONGEST_SECONDS } from '../core/duration.ts';
import { JitError } from '../core/errors.ts';
import { TOOLS } from '../profiles/tool.ts';
import { grantIdSchema } from '../wire/ids.ts';
import { type Ask, DELIVERIES, FORMATS, LONGEST_LINE, PROTOCOL } from './protocol.ts';

const path = z.string().max(4_096).refine(isAbsolute);
const word = z.string().max(256);
const line = z.string().max(4_096);
const secretName = z.string().regex(/^[\x20-\x7e]{1,512}$/);

const adoption = {
  grant: grantIdSchema,
  broker: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('embedded'), socket: path }),
    z.strictObject({ kind: z.literal('url'), name: word, url: z.string().max(2_048) }),
  ]),
  profiles: z
    .array(z.strictObject({ tool: z.enum(TOOLS), name: word, places: z.record(z.string().max(32), path) }))
    .max(50),
  delivery: z.enum(DELIVERIES),
  expiresAt: z.iso.datetime(),
  version: z.int().nonnegative(),
  about: z.strictObject({
    operation: line,
    resources: z.array(line).max(50),
    targets: z.array(word).max(50),
    environment: word,
    sandbox: z.boolean(),
    reason: line,
    incident: word.nullable(),
    seconds: z.int().min(1).max(LONGEST_SECONDS),
    idleSeconds: z.int().min(1).nullable(),
  }),
};

const v = z.literal(PROTOCOL);
const askSchema = z.discriminatedUnion('op', [
  z.strictObject({ v, op: z.literal('hello') }),
  z.strictObject({ v, op: z.literal('adopt'), ...adoption }),
  z.strictObject({
    v,
    op: z.literal('credential'),
    grant: grantIdSchema,
    target: word.optional(),
    format: z.enum(FORMATS),
  }),
  z.strictObject({ v, op: z.literal('list') }),
  z.strictObject({ v, op: z.literal('release'), grant: grantIdSchema }),
  z.strictObject({ v, op: z.literal('wipe') }),
  z.strictObject({ v, op: z.literal('secret-get'), name: secretName }),
  z.strictObject({
    v,
    op: z.literal('secret-set'),
    name: secretName,
    secret: z.base64().min(4).max(LONGEST_LINE),
    until: z.int(),
  }),
  z.strictObject({ v, op: z.literal('secret-delete'), name: secretName }),
  z.strictObject({ v, op: z.literal('stop') }),
]);

/** Throws `ERR_KEEPER` for another version of the protocol, `ERR_USAGE` for anything else that is not a question. */
export function parseAsk(text: string): Ask {
  const value = parseJson(text);
  const parsed = askSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const version = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  if (version !== undefined && version !== PROTOCOL) {
    throw new JitError({
      code: 'ERR_KEEPER',
      message: 'the keeper belongs to another version of jit',
      hint: 'end the process "jit keeper": live grants go on working with a new one',
    });
  }
  throw new JitError({ code: 'ERR_USAGE', message: 'the keeper does not understand the question' });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
