/**
 * Checks values against schemas of Google's discovery documents, as strictly as Google reads JSON: what has no field is refused.
 * @module
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Refusal } from './refusal.ts';

export type Document =
  | 'cloudresourcemanager-v3'
  | 'iam-v1'
  | 'iamcredentials-v1'
  | 'privilegedaccessmanager-v1'
  | 'sts-v1';

interface Schema {
  readonly $ref?: string | undefined;
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly enum?: readonly string[] | undefined;
  readonly items?: Schema | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
}

const SCHEMA: z.ZodType<Schema> = z.strictObject({
  $ref: z.string().optional(),
  type: z.string().optional(),
  format: z.string().optional(),
  enum: z.array(z.string()).optional(),
  items: z.lazy(() => SCHEMA).optional(),
  properties: z
    .record(
      z.string(),
      z.lazy(() => SCHEMA),
    )
    .optional(),
});
const DOCUMENT = z.strictObject({ source: z.string(), schemas: z.record(z.string(), SCHEMA) });

const documents = new Map<Document, Readonly<Record<string, Schema>>>();

const FORMATS: Readonly<Record<string, RegExp>> = {
  byte: /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2,3}={0,2})?$/,
  'google-duration': /^\d+(?:\.\d{1,9})?s$/,
  'google-datetime': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/,
};

/** @returns one sentence about what does not fit, or null. */
export function misfit(document: Document, name: string, value: unknown): string | null {
  return against(schemasOf(document), { $ref: name }, value, name);
}

function schemasOf(document: Document): Readonly<Record<string, Schema>> {
  const known = documents.get(document);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`schemas/${document}.json`, import.meta.url), 'utf8');
  const { schemas } = DOCUMENT.parse(JSON.parse(text));
  documents.set(document, schemas);
  return schemas;
}

function against(all: Readonly<Record<string, Schema>>, schema: Schema, value: unknown, path: string): string | null {
  if (schema.$ref !== undefined) {
    const meant = all[schema.$ref];
    if (meant === undefined) throw new Error(`no schema ${schema.$ref}`);
    return against(all, meant, value, path);
  }
  switch (schema.type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path}: not an object`;
      for (const [name, member] of Object.entries(value)) {
        const field = Object.hasOwn(schema.properties ?? {}, name) ? schema.properties?.[name] : undefined;
        if (field === undefined) return `Unknown name "${name}" at '${path}': Cannot find field.`;
        const problem = against(all, field, member, `${path}.${name}`);
        if (problem !== null) return problem;
      }
      return null;
    }
    case 'array': {
      if (!Array.isArray(value)) return `${path}: not a list`;
      for (const [index, item] of value.entries()) {
        const problem = against(all, schema.items ?? {}, item, `${path}[${index}]`);
        if (problem !== null) return problem;
      }
      return null;
    }
    case 'integer':
      return Number.isInteger(value) ? null : `${path}: not an integer`;
    case 'boolean':
      return typeof value === 'boolean' ? null : `${path}: not a boolean`;
    case 'string': {
      if (typeof value !== 'string') return `${path}: not a string`;
      if (schema.enum !== undefined && !schema.enum.includes(value)) return `${path}: not one of the values`;
      const format = FORMATS[schema.format ?? ''];
      return format === undefined || format.test(value) ? null : `${path}: not a ${schema.format ?? ''}`;
    }
    case undefined:
    default:
      throw new Error(`${path}: a schema of type ${schema.type ?? 'none'}`);
  }
}

/** A body that fits its schema. */
export function fitting(document: Document, name: string, body: string): unknown {
  const value = asJson(body);
  const problem = misfit(document, name, value);
  if (problem !== null) throw new Refusal(400, 'INVALID_ARGUMENT', problem);
  return value;
}

/** An answer that does not fit is a fault of this server. */
export function checked(document: Document, name: string, value: unknown): unknown {
  const problem = misfit(document, name, value);
  if (problem !== null) throw new Error(`not an answer of Google: ${problem}`);
  return value;
}

/** Null where it is none. */
export function asJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
