/**
 * Checks bodies against the definitions of Azure's published REST specifications, in the part of JSON Schema that they use.
 * @module
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const SCHEMA = z.object({
  type: z.enum(['object', 'array', 'string', 'boolean']).optional(),
  $ref: z.string().optional(),
  required: z.array(z.string()).optional(),
  enum: z.array(z.string()).optional(),
  format: z.enum(['date-time', 'uuid', 'uri']).optional(),
  readOnly: z.boolean().optional(),
  get properties() {
    return z.record(z.string(), SCHEMA).optional();
  },
  get items() {
    return SCHEMA.optional();
  },
  get additionalProperties() {
    return SCHEMA.optional();
  },
});
type Schema = z.infer<typeof SCHEMA>;

const definitions = new Map<string, Schema>();
for (const name of ['authorization', 'msi']) {
  const text = readFileSync(new URL(`schemas/${name}.json`, import.meta.url), 'utf8');
  const { definitions: all } = z.object({ definitions: z.record(z.string(), SCHEMA) }).parse(JSON.parse(text));
  for (const [key, schema] of Object.entries(all)) definitions.set(key, schema);
}

const FORMATS: Readonly<Record<NonNullable<Schema['format']>, RegExp>> = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/,
  uuid: /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/,
};

/** What is wrong with a value, one line each. @param sender what is read-only comes from the service only. */
export function problems(name: string, value: unknown, sender: 'client' | 'service'): readonly string[] {
  const schema = definitions.get(name);
  if (schema === undefined) throw new Error(`no definition ${name}`);
  return check(schema, value, sender, name);
}

function check(schema: Schema, value: unknown, sender: 'client' | 'service', at: string): readonly string[] {
  if (schema.readOnly === true && sender === 'client') return [`${at}: read-only`];
  if (schema.$ref !== undefined) {
    const target = definitions.get(schema.$ref);
    return target === undefined ? [`${at}: no definition ${schema.$ref}`] : check(target, value, sender, at);
  }
  switch (schema.type ?? 'object') {
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${at}: not a boolean`];
    case 'string':
      return checkText(schema, value, at);
    case 'array': {
      const { items } = schema;
      if (!Array.isArray(value)) return [`${at}: not an array`];
      return items === undefined ? [] : value.flatMap((one, index) => check(items, one, sender, `${at}[${index}]`));
    }
    case 'object':
      return checkMembers(schema, value, sender, at);
  }
}

function checkText({ enum: words, format }: Schema, value: unknown, at: string): readonly string[] {
  if (typeof value !== 'string') return [`${at}: not a string`];
  if (words !== undefined && !words.includes(value)) return [`${at}: ${value} is none of its values`];
  return format === undefined || FORMATS[format].test(value) ? [] : [`${at}: ${value} is no ${format}`];
}

function checkMembers(schema: Schema, value: unknown, sender: 'client' | 'service', at: string): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${at}: not an object`];
  const members = new Map<string, unknown>(Object.entries(value));
  const missing = (schema.required ?? []).filter((name) => !members.has(name)).map((name) => `${at}.${name}: missing`);
  const { properties, additionalProperties } = schema;
  // An object of which nothing is said may hold anything.
  if (properties === undefined && additionalProperties === undefined) return missing;
  const wrong = [...members].flatMap(([name, member]) => {
    const known = properties?.[name] ?? additionalProperties;
    return known === undefined ? [`${at}.${name}: unknown`] : check(known, member, sender, `${at}.${name}`);
  });
  return [...missing, ...wrong];
}
