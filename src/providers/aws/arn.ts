/**
 * Amazon Resource Names, taken apart.
 * Source: IAM user guide, "Identify AWS resources with Amazon Resource Names (ARNs)".
 * @module
 */

/** The six parts. `resource` keeps its own colons and slashes. */
export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  readonly resource: string;
}

/** Takes an ARN apart, or returns null for anything that is none. Wildcards are not judged here. */
export function parseArn(text: string): Arn | null {
  const [scheme, partition, service, region, account, ...rest] = text.split(':');
  const resource = rest.join(':');
  if (scheme !== 'arn' || !partition || !service || region === undefined || account === undefined) return null;
  if (resource === '' || !/^[\x21-\x7e]+$/.test(text)) return null;
  return { partition, service, region, account, resource };
}

/** An IAM role, as its ARN says it. */
export interface Role {
  readonly arn: string;
  readonly partition: string;
  readonly account: string;
  /** Without the path: the name by which IAM's API and session ARNs know the role. */
  readonly name: string;
}

const ROLE = /^arn:(aws(?:-[a-z]+)*):iam::(\d{12}):role\/(?:[\x21-\x2e\x30-\x7e]+\/)*([\w+=,.@-]{1,64})$/;

/** Reads a role's ARN of any partition, or returns null. */
export function parseRole(text: string): Role | null {
  const match = text.length <= 2_048 ? ROLE.exec(text) : null;
  const [, partition, account, name] = match ?? [];
  if (partition === undefined || account === undefined || name === undefined) return null;
  return { arn: text, partition, account, name };
}

/** The ARN under which a session of the role acts: the role's path is not part of it. */
export function sessionArn(role: Role, session: string): string {
  return `arn:${role.partition}:sts::${role.account}:assumed-role/${role.name}/${session}`;
}
