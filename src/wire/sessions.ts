/**
 * Signing in to a broker: what it accepts, the exchange of a proof of identity for a session, and the session itself.
 * @module
 */
import * as z from 'zod';

const name = z.string().min(1).max(256);
const line = z.string().max(4_096);
const time = z.iso.datetime();
/** As of a bearer token, RFC 6750 section 2.1. */
const token = z
  .string()
  .max(16_384)
  .regex(/^[\w.~+/=-]+$/);

/** RFC 8693 section 2.1. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** Kinds of proof of identity. The first two are those of RFC 8693 section 3. */
export const TOKEN_TYPES = [
  'urn:ietf:params:oauth:token-type:id_token',
  'urn:ietf:params:oauth:token-type:jwt',
  /** A signed request to AWS STS GetCallerIdentity, see src/identity/aws. */
  'urn:jit:token-type:aws-caller-identity',
] as const;
/** The one kind that covers the call which carries it. */
export const AWS_CALLER = TOKEN_TYPES[2];
export const tokenTypeSchema = z.enum(TOKEN_TYPES);
export type TokenType = z.infer<typeof tokenTypeSchema>;

/** Token exchange (RFC 8693) or renewal (RFC 6749 section 6). Every call carries a DPoP proof (RFC 9449), to whose key the session is bound. */
export const sessionBodySchema = z
  .discriminatedUnion('grant_type', [
    z
      .strictObject({
        grant_type: z.literal(TOKEN_EXCHANGE),
        subject_token: token,
        subject_token_type: tokenTypeSchema,
        actor_token: token.optional().describe('proof of the agent that acts for the person of the subject_token'),
        actor_token_type: tokenTypeSchema.optional(),
      })
      .refine(
        ({ actor_token, actor_token_type }) => (actor_token === undefined) === (actor_token_type === undefined),
        'actor_token and actor_token_type come together',
      ),
    z.strictObject({ grant_type: z.literal('refresh_token'), refresh_token: token }),
  ])
  .meta({ id: 'SessionBody' });

/** A proof of the same identity that was made just now. Each issuance needs one of its own. */
export const confirmBodySchema = z
  .strictObject({ subject_token: token, subject_token_type: tokenTypeSchema })
  .meta({ id: 'ConfirmBody' });

const who = { kind: z.enum(['user', 'workload', 'agent']), issuer: line, subject: line, name, groups: z.array(name) };

export const principalViewSchema = z.strictObject({
  ...who,
  actsFor: z.strictObject({ ...who, kind: z.literal('user') }).optional(),
});

export const sessionViewSchema = z
  .strictObject({
    id: z.string().regex(/^ses_[0-9a-z]{26}$/),
    /** The configured identity provider that vouched. */
    provider: name,
    principal: principalViewSchema,
    /** The end of the session, however often its tokens are renewed. */
    expiresAt: time,
    /** When the identity provider last vouched, by its own clock. */
    verifiedAt: time,
  })
  .meta({ id: 'Session' });

/** What the identity provider says now counts from here on. */
export const confirmViewSchema = z
  .strictObject({
    confirmation: token.describe(
      'for the header JIT-Confirmation of one call that issues something, made with this session while the word of the identity provider is fresh',
    ),
    session: sessionViewSchema,
  })
  .meta({ id: 'Confirmation' });

/** The header that carries a confirmation. */
export const CONFIRMATION_HEADER = 'jit-confirmation';

/** In place of a confirmation, on an emergency call: the identity provider did not answer. The broker finds out whether it is down. */
export const NO_WORD = 'none';

export const tokenViewSchema = z
  .strictObject({
    access_token: token,
    issued_token_type: z.literal('urn:ietf:params:oauth:token-type:access_token'),
    token_type: z.literal('DPoP'),
    expires_in: z.int().positive().describe('seconds'),
    /** Used once: the answer to its use holds the next. Null where the session lives no longer than its first token. */
    refresh_token: token.nullable(),
    session: sessionViewSchema,
  })
  .meta({ id: 'Token' });

export const signInViewSchema = z
  .strictObject({
    /** The exact audience of proofs for this broker, and its name in them. */
    audience: line,
    providers: z.array(
      z.strictObject({
        name,
        /** `oidc` is for people; the others are workloads. */
        type: z.enum(['oidc', 'jwt', 'github', 'gitlab', 'kubernetes', 'spiffe', 'aws', 'azure', 'google']),
        issuer: line,
        /** For people only, else null. `device`: whether the device flow is allowed. */
        client: z.strictObject({ id: name, scopes: z.array(name), device: z.boolean() }).nullable(),
      }),
    ),
  })
  .meta({ id: 'SignIn' });

export type SessionBody = z.infer<typeof sessionBodySchema>;
export type ConfirmBody = z.infer<typeof confirmBodySchema>;
export type ConfirmView = z.infer<typeof confirmViewSchema>;
export type SessionView = z.infer<typeof sessionViewSchema>;
export type TokenView = z.infer<typeof tokenViewSchema>;
export type SignInView = z.infer<typeof signInViewSchema>;
export type ProviderView = SignInView['providers'][number];
