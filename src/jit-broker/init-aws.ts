/**
 * `jit-broker init aws`: prints everything that an AWS account needs for one target, as CloudFormation or Terraform, and the
 * target's lines for the broker's configuration.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { parseBrokerConfig } from '../broker/config/config.ts';
import { display } from '../core/display.ts';
import { JitError } from '../core/errors.ts';
import { errnoOf } from '../local/fault.ts';
import { parseArn, parseRole, type Role } from '../providers/aws/arn.ts';
import { parseAwsTarget } from '../providers/aws/target.ts';
import { accountFor, type Account, type Maximum, type Trust } from './aws/account.ts';
import { cloudFormation } from './aws/cloudformation.ts';
import { readPolicy } from './aws/role-policy.ts';
import { terraform } from './aws/terraform.ts';
import { yamlLines } from './aws/yaml.ts';
import type { Output } from './output.ts';

export interface InitAwsFlags {
  readonly format?: string;
  readonly issuer?: string;
  readonly config?: string;
  readonly ambient?: string;
  readonly existingProvider?: true;
  readonly account?: string;
  readonly region?: string;
  readonly environment?: string;
  readonly policy?: string;
  readonly roleName: string;
  readonly revokerName?: string;
  readonly target?: string;
}

const FORMATS = new Map([
  ['cloudformation', cloudFormation],
  ['terraform', terraform],
]);
/** AWS's partitions, by the beginning of their regions' names; all others are in `aws`. */
const PARTITIONS: readonly (readonly [prefix: string, partition: string])[] = [
  ['cn-', 'aws-cn'],
  ['us-gov-', 'aws-us-gov'],
  ['us-iso-', 'aws-iso'],
  ['us-isob-', 'aws-iso-b'],
  ['eu-isoe-', 'aws-iso-e'],
  ['us-isof-', 'aws-iso-f'],
  ['eusc-', 'aws-eusc'],
];
/** The names of what is made from a role's name, with room for what is put behind it. */
const ROLE_NAME = /^[\w+=,.@-]{1,56}$/;
const LARGEST = 1_048_576;

/**
 * Throws `ERR_MISSING_INPUT`, naming the flags, where something is missing; `ERR_USAGE` for a flag that AWS or the broker
 * would refuse, and `ERR_CONFIG` for a file. Prints nothing but what the target of a broker can use as it is.
 */
export async function initAws(flags: InitAwsFlags, out: Output): Promise<void> {
  const { account: id, region, environment, policy } = demand(flags);
  const print = FORMATS.get(flags.format ?? '');
  if (flags.format === undefined || print === undefined) throw usage('--format is cloudformation or terraform');
  if (!/^\d{12}$/.test(id)) throw usage('--account is the number of the account, 12 digits');
  if (!/^[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}$/.test(region)) throw usage('--region is written like eu-west-1');
  const partition = PARTITIONS.find(([prefix]) => region.startsWith(prefix))?.[1] ?? 'aws';
  const role = makeRole('--role-name', partition, id, flags.roleName);
  const revoker = makeRole('--revoker-name', partition, id, flags.revokerName ?? `${flags.roleName}-revoker`);
  const trust = await readTrust(flags, partition);
  const maximum = await readMaximum(policy, partition, id);
  const account = accountFor({ role, revoker, region, maximum, trust });
  const target = targetOf(flags, { role, revoker, region, environment, trust });
  const template = print(account, notesOf(account, target));
  const next = nextSteps(flags.format, account, region);
  out.data('broker-init-aws', { format: flags.format, template, target, next }, [template.trimEnd()]);
  if (out.format === 'json') return;
  next.forEach((step, index) => out.note(`${index + 1}. ${step}`));
  for (const line of target) out.aside(line);
}

function demand(flags: InitAwsFlags) {
  const { account, region, environment, policy, issuer, config, ambient, format } = flags;
  const missing = [
    ...(format === undefined ? ['--format cloudformation (or terraform)'] : []),
    ...((issuer ?? config ?? ambient) === undefined ? ['--issuer https://jit.example.com (or --config FILE)'] : []),
    ...(account === undefined ? ['--account 123456789012'] : []),
    ...(region === undefined ? ['--region eu-west-1'] : []),
    ...(environment === undefined ? ['--environment prod'] : []),
    ...(policy === undefined ? ['--policy FILE'] : []),
  ];
  if (missing.length > 0 || !account || !region || !environment || !policy) {
    const names = missing.map((flag) => flag.replace(/ .*$/, ''));
    if (names.length === 0) throw usage('--account, --region, --environment and --policy are not empty');
    const message = `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} missing`;
    throw new JitError({ code: 'ERR_MISSING_INPUT', message, hint: `add: ${missing.join(' ')}` });
  }
  return { account, region, environment, policy };
}

function makeRole(flag: string, partition: string, account: string, name: string): Role {
  const role = ROLE_NAME.test(name) ? parseRole(`arn:${partition}:iam::${account}:role/${name}`) : null;
  if (role === null) throw usage(`${flag}: letters, digits and _+=,.@- only, at most 56 of them`);
  return role;
}

async function readTrust(flags: InitAwsFlags, partition: string): Promise<Trust> {
  const { issuer, config, ambient, existingProvider } = flags;
  const given = [issuer, config, ambient].filter((each) => each !== undefined);
  if (given.length > 1) throw usage('--issuer, --config and --ambient exclude each other');
  if (ambient !== undefined) {
    const broker = parseRole(ambient);
    if (broker === null) throw usage('--ambient is the ARN of the role that the broker runs under');
    if (broker.partition !== partition) throw usage('--ambient: a role of the partition that the region is in');
    if (existingProvider === true) throw usage('--ambient needs no provider, so --existing-provider says nothing');
    return { kind: 'ambient', broker };
  }
  const found = issuer ?? (config === undefined ? null : parseBrokerConfig(await read(config), config).issuer);
  if (found === null) throw new JitError({ code: 'ERR_CONFIG', message: `${display(config ?? '')}: it has no issuer` });
  // IAM API reference, CreateOpenIDConnectProvider, Url: https, at most 255 characters, and "should not contain a port number".
  if (found.length > 255 || !/^https:\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?:\/[\w.~-]+)*$/.test(found)) {
    const what = issuer === undefined ? 'the issuer of the configuration' : '--issuer';
    throw usage(`${what}: AWS takes https URLs without port, query and final slash, at most 255 characters`);
  }
  // A broker refuses it otherwise: tokens carry it byte for byte, and clouds compare it so.
  if (!URL.canParse(found) || new URL(found).href !== (found.includes('/', 8) ? found : `${found}/`)) {
    throw usage('--issuer: not an address as browsers and clouds write it');
  }
  return { kind: 'web-identity', issuer: found, provider: existingProvider === true ? 'existing' : 'new' };
}

async function readMaximum(policy: string, partition: string, account: string): Promise<Maximum> {
  if (!policy.startsWith('arn:')) return { kind: 'document', document: readPolicy(await read(policy), policy) };
  const arn = parseArn(policy);
  const sound =
    arn !== null &&
    arn.partition === partition &&
    arn.service === 'iam' &&
    arn.region === '' &&
    (arn.account === 'aws' || arn.account === account) &&
    /^policy\/(?:[\w+=,.@-]+\/)*[\w+=,.@-]{1,128}$/.test(arn.resource);
  if (!sound) throw usage('--policy: a file, or the ARN of a managed policy of AWS or of this account');
  return { kind: 'managed', arn: policy };
}

async function read(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const why = errnoOf(cause) === 'ENOENT' ? 'there is no such file' : 'cannot be read';
    throw new JitError({ code: 'ERR_CONFIG', message: `${display(file)}: ${why}`, cause });
  });
  if (text.length > LARGEST) throw new JitError({ code: 'ERR_CONFIG', message: `${display(file)}: too large` });
  return text;
}

interface TargetParts {
  readonly role: Role;
  readonly revoker: Role;
  readonly region: string;
  readonly environment: string;
  readonly trust: Trust;
}

/** The lines below `targets:`, judged by the one who reads them later. */
function targetOf(flags: InitAwsFlags, { role, revoker, region, environment, trust }: TargetParts): readonly string[] {
  const name = flags.target ?? role.name.toLowerCase();
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw usage('--target: the name of the target: lower-case letters, digits and -, starting with a letter');
  }
  const config = {
    provider: 'aws',
    environment,
    role: role.arn,
    revoker: revoker.arn,
    region,
    credentials: trust.kind,
  };
  const signer = trust.kind === 'ambient' ? null : { issuer: trust.issuer, sign: refuseToSign };
  parseAwsTarget(name, config, signer);
  return yamlLines({ targets: { [name]: config } });
}

async function refuseToSign(): Promise<never> {
  throw new JitError({ code: 'ERR_UNEXPECTED', message: 'only looked at, not issued' });
}

function notesOf(account: Account, target: readonly string[]): readonly string[] {
  const { role, broker } = account;
  return [
    `What jit needs in account ${account.id} to issue on the role ${role.name}, and to revoke.`,
    'The broker writes the inline policy JitRevoked of that role, and nobody else may. Add no other inline policy to the role:',
    'IAM has room for 10,240 characters of them, and revocations need it.',
    '',
    'For the configuration of the broker:',
    ...target.map((line) => `  ${line}`),
    ...(broker === null || broker.place === 'here'
      ? []
      : [
          '',
          `The role of the broker is in another account, ${broker.role.account}. What it needs there:`,
          ...JSON.stringify(broker.policy.document, null, 2)
            .split('\n')
            .map((line) => `  ${line}`),
        ]),
  ];
}

function nextSteps(format: string, account: Account, region: string): readonly string[] {
  const stack =
    `aws cloudformation deploy --region ${region} --stack-name ${stackName(account.role.name)}` +
    ' --capabilities CAPABILITY_NAMED_IAM --template-file FILE';
  return [
    format === 'terraform'
      ? `read it, put it into a module of its own, and with credentials of account ${account.id}: terraform init && terraform apply`
      : `read it, and with credentials of account ${account.id}: ${stack}`,
    'add these lines to broker.yaml, below targets:, and restart the broker',
  ];
}

/** CloudFormation: a letter, then letters, digits and -. */
function stackName(role: string): string {
  const name = role.replaceAll(/[^A-Za-z0-9]/g, '-');
  return /^[A-Za-z]/.test(name) ? name : `jit-${name}`;
}

const usage = (message: string): JitError =>
  new JitError({ code: 'ERR_USAGE', message, hint: 'jit-broker init aws --help' });
