/**
 * The OpenAPI 3.1 document, made from the same table that serves the routes.
 * @module
 */
import * as z from 'zod';
import { PROBLEM_TYPE, problemSchema } from '../../wire/problem.ts';
import type { Route } from './routes.ts';

type Json = { readonly [key: string]: unknown };

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
  return rest;
};

export function openApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const each of routes) paths[each.path] = { ...paths[each.path], [each.method.toLowerCase()]: operation(each) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'jit broker',
      version,
      description: 'Just-in-time access: requests, grants, credentials. Errors are RFC 9457 problems.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: { schemas: { Problem: schemaOf(problemSchema, 'output') } },
  };
}

function operation(spec: Route): Json {
  const parameters = [
    ...[...spec.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...(spec.query ?? []).map(({ name, description }) => ({
      name,
      description,
      in: 'query',
      schema: { type: 'string' },
    })),
    ...(spec.idempotent === undefined ? [] : [idempotencyKey]),
    ...(spec.access({ get: () => undefined }) === 'fresh' ? [confirmationOf(spec)] : []),
  ];
  return {
    summary: spec.summary,
    operationId: `${spec.method.toLowerCase()}${spec.path.replaceAll(/[^a-z0-9]+/gi, '_')}`,
    parameters,
    ...(spec.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(spec.body, 'input')) } }),
    responses: {
      ...Object.fromEntries(statuses(spec).map((status) => [status, success(spec)])),
      default: {
        description: 'a problem',
        content: { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function statuses(spec: Route): readonly number[] {
  return [spec.status, ...(spec.query ?? []).flatMap(({ status }) => (status === undefined ? [] : [status]))];
}

function success(spec: Route): Json {
  const description = spec.summary;
  return spec.reply === null ? { description } : { description, content: json(schemaOf(spec.reply, 'output')) };
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'the same key with the same body comes to the same, however often it is sent',
  schema: { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' },
};

function confirmationOf({ emergency }: Route): Json {
  const confirmation = {
    name: 'JIT-Confirmation',
    in: 'header',
    description:
      'a confirmation from /v1/sessions/confirm, for this call only; not needed with plan=true, by sessions whose proof of identity cannot be had anew, and at an embedded broker',
    schema: { type: 'string', pattern: '^jit_cf_[A-Za-z0-9_-]{43}$' },
  };
  if (emergency === undefined) return confirmation;
  return {
    ...confirmation,
    description: `${confirmation.description}; or none, from a person in an emergency, while the broker finds the identity provider down`,
    schema: { type: 'string', pattern: '^(?:jit_cf_[A-Za-z0-9_-]{43}|none)$' },
  };
}

const json = (schema: Json): Json => ({ 'application/json': { schema } });
