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

/** A union by kind: each provider adds its own. */
export type Credential = { readonly kind: 'aws'; readonly keys: Secret<AwsKeys> };

/** What a tool must be told to use a target. Nothing in it is secret. */
export type ToolSettings = {
  readonly kind: 'aws';
  readonly account: string;
  readonly region: string;
  /** Only for clouds that are not at AWS's own addresses: the sandbox and AWS-compatible servers. */
  readonly endpoint: string | null;
};
