/**
 * What a cloud hands out, and what the ordinary tools need beside it.
 * @module
 */
import type { Secret } from './secret.ts';

/** An AWS session, in the field names of the AWS SDKs. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** A login role that exists for one grant. */
export interface PostgresLogin {
  readonly user: string;
  readonly password: string;
}

/** A bearer token: of a service account in a cluster, or an OAuth access token of Google Cloud. */
export interface BearerToken {
  readonly token: string;
}

/** A signed statement that Entra ID exchanges for access tokens of one identity (RFC 7523, client assertion). */
export interface ClientAssertion {
  /** The application or managed identity that the statement speaks for. */
  readonly clientId: string;
  readonly assertion: string;
}

/** What is secret in a credential, by its kind. Each provider adds its own. */
export interface Secrets {
  readonly aws: AwsKeys;
  readonly postgres: PostgresLogin;
  readonly kubernetes: BearerToken;
  readonly gcp: BearerToken;
  readonly azure: ClientAssertion;
}

export type CredentialKind = keyof Secrets;

/** A union by kind. `own`: nothing is handed out, since the cloud gave the access to the requester's own identity there. */
export type Credential =
  | { readonly [K in CredentialKind]: { readonly kind: K; readonly secret: Secret<Secrets[K]> } }[CredentialKind]
  | { readonly kind: 'own' };

/** What a tool must be told to use a target. Nothing in it is secret. */
export type ToolSettings = AwsSettings | PostgresSettings | KubernetesSettings | GcpSettings | AzureSettings;

/** Whose identity has the access: one that was issued for the grant, or the requester's own, as they are signed in there. */
export type Identity = 'issued' | 'own';

export interface AwsSettings {
  readonly kind: 'aws';
  readonly identity: Identity;
  readonly account: string;
  readonly region: string;
  /** Only for clouds that are not at AWS's own addresses: the sandbox and AWS-compatible servers. */
  readonly endpoint: string | null;
}

export interface PostgresSettings {
  readonly kind: 'postgres';
  readonly host: string;
  readonly port: number;
  /** The first is the one that a tool is sent to. */
  readonly databases: readonly string[];
  /** libpq's `sslmode`. */
  readonly tls: 'verify-full' | 'require' | 'disable';
  /** PEM of the authority to trust, or null for the ones that the machine trusts. */
  readonly authority: string | null;
}

export interface KubernetesSettings {
  readonly kind: 'kubernetes';
  /** https URL of the API server. */
  readonly server: string;
  /** PEM of the authority to trust, or null for the ones that the machine trusts. */
  readonly authority: string | null;
  /** The namespace that a tool starts in. */
  readonly namespace: string | null;
}

export interface GcpSettings {
  readonly kind: 'gcp';
  readonly identity: Identity;
  readonly project: string;
  /** Only for servers that are not Google's own: the base that API paths are appended to. */
  readonly endpoint: string | null;
}

export interface AzureSettings {
  readonly kind: 'azure';
  readonly identity: Identity;
  readonly tenant: string;
  readonly subscription: string;
  /** Only where they are not Microsoft's own: of Entra ID, and of Azure Resource Manager. */
  readonly authority: string | null;
  readonly endpoint: string | null;
}

/** What people call the place that a target is in: an account, a project, a host. */
export function placeName(tool: ToolSettings): string {
  switch (tool.kind) {
    case 'aws':
      return tool.account;
    case 'postgres':
      return `${tool.host}:${tool.port}`;
    case 'kubernetes':
      return tool.server;
    case 'gcp':
      return tool.project;
    case 'azure':
      return tool.subscription;
    default:
      return tool satisfies never;
  }
}
