/**
 * Credentials and what their tools need, as they cross the API.
 * @module
 */
import * as z from 'zod';
import { grantIdSchema } from './ids.ts';

const time = z.iso.datetime();
const name = z.string().max(256);
/** What a tool's file or header can carry without escaping. */
const token = z.string().regex(/^[\x21-\x7e]{16,16384}$/);
const pem = z
  .string()
  .regex(/^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n-][A-Za-z0-9+/=\n -]*-----END CERTIFICATE-----\n?$/)
  .max(65_536);

const identity = z.enum(['issued', 'own']);

export const toolSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('aws'), identity, account: name, region: name, endpoint: z.url().nullable() }),
  z.strictObject({
    kind: z.literal('postgres'),
    host: name,
    port: z.int().min(1).max(65_535),
    databases: z.array(z.string().min(1).max(63)).min(1).max(100).readonly(),
    tls: z.enum(['verify-full', 'require', 'disable']),
    authority: pem.nullable(),
  }),
  z.strictObject({
    kind: z.literal('kubernetes'),
    server: z.url(),
    authority: pem.nullable(),
    namespace: name.nullable(),
  }),
  z.strictObject({ kind: z.literal('gcp'), identity, project: name, endpoint: z.url().nullable() }),
  z.strictObject({
    kind: z.literal('azure'),
    identity,
    tenant: name,
    subscription: name,
    authority: z.url().nullable(),
    endpoint: z.url().nullable(),
  }),
]);

const common = {
  target: name,
  tool: toolSchema,
  /** When to stop using this credential and ask for another: never after the grant's end. */
  expiration: time,
};

const bearer = z.strictObject({ token });

export const credentialSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    ...common,
    kind: z.literal('aws'),
    secret: z.strictObject({
      accessKeyId: z.string().regex(/^[A-Z0-9]{16,128}$/),
      secretAccessKey: z.string().regex(/^[\x21-\x7e]{16,256}$/),
      sessionToken: z.string().regex(/^[\x21-\x7e]{16,8192}$/),
    }),
  }),
  z.strictObject({
    ...common,
    kind: z.literal('postgres'),
    secret: z.strictObject({
      user: z.string().regex(/^[a-z0-9_]{1,63}$/),
      password: z.string().regex(/^[A-Za-z0-9_-]{22,128}$/),
    }),
  }),
  z.strictObject({ ...common, kind: z.literal('kubernetes'), secret: bearer }),
  z.strictObject({ ...common, kind: z.literal('gcp'), secret: bearer }),
  z.strictObject({
    ...common,
    kind: z.literal('azure'),
    secret: z.strictObject({ clientId: z.guid(), assertion: token }),
  }),
  /** Nothing is handed out: the access is the requester's own identity's. */
  z.strictObject({ ...common, kind: z.literal('own') }),
]);

export const credentialsViewSchema = z.strictObject({
  grant: grantIdSchema,
  /** The grant's end. */
  expiresAt: time,
  credentials: z.array(credentialSchema),
});

export type CredentialsView = z.infer<typeof credentialsViewSchema>;
