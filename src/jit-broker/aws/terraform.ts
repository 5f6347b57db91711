/**
 * An account's part of jit as a Terraform module, laid out as `terraform fmt` lays it out.
 * Sources: Terraform language, "Strings and Templates" and "Style Guide"; the provider hashicorp/aws, aws_iam_openid_connect_provider,
 * aws_iam_policy, aws_iam_role.
 * @module
 */
import type { Account, NamedPolicy } from './account.ts';
import type { Json, PolicyDocument } from './role-policy.ts';

/** One line or several that belong together, `name = …`. */
type Setting = readonly [name: string, value: string];

/** @param notes lines for whoever reads it, put in front. Ends with a newline. */
export function terraform(account: Account, notes: readonly string[]): string {
  const { id, provider, role, maximum, guard, revoker, broker } = account;
  const made = 'document' in maximum;
  const bound = made ? 'aws_iam_policy.jit_maximum.arn' : text(maximum.arn);
  // Written out rather than referred to: the trust policies then read as they are.
  const after: readonly Setting[] = provider === null ? [] : [['depends_on', '[aws_iam_openid_connect_provider.jit]']];
  const blocks = [
    // Older providers demand thumbprints, which AWS has ceased to look at for certificates of public authorities.
    `terraform {\n  required_providers {\n    aws = {\n      source  = "hashicorp/aws"\n      version = ">= 5.81"\n    }\n  }\n}`,
    'data "aws_caller_identity" "jit" {}',
    ...(provider === null
      ? []
      : [
          resource('aws_iam_openid_connect_provider', 'jit', [
            ['url', text(provider.url)],
            ['client_id_list', `[${text(provider.audience)}]`],
          ]),
        ]),
    ...(made ? [managed('jit_maximum', maximum)] : []),
    managed('jit_guard', guard),
    resource(
      'aws_iam_role',
      'jit',
      [
        ['name', text(role.name)],
        ['description', text('Sessions of grants of jit')],
        ['max_session_duration', '3600'],
        ['permissions_boundary', bound],
        ['assume_role_policy', document(role.trust)],
        ...after,
      ],
      precondition(id),
    ),
    attachment('jit_maximum', 'aws_iam_role.jit.name', bound),
    attachment('jit_guard', 'aws_iam_role.jit.name', 'aws_iam_policy.jit_guard.arn'),
    resource(
      'aws_iam_role',
      'jit_revoker',
      [
        ['name', text(revoker.name)],
        ['description', text(`Ends access of grants of jit on ${role.name}`)],
        ['max_session_duration', '3600'],
        ['assume_role_policy', document(revoker.trust)],
        ...after,
      ],
      precondition(id),
    ),
    resource('aws_iam_role_policy', 'jit_revoker', [
      ['name', text('JitRevoke')],
      ['role', 'aws_iam_role.jit_revoker.name'],
      ['policy', document(revoker.policy)],
    ]),
    ...(broker === null || broker.place === 'elsewhere'
      ? []
      : [
          managed('jit_broker', broker.policy),
          attachment('jit_broker', text(broker.role.name), 'aws_iam_policy.jit_broker.arn'),
        ]),
  ];
  return `${[notes.map((line) => `# ${line}`.trimEnd()).join('\n'), ...blocks].filter((part) => part !== '').join('\n\n')}\n`;
}

/** Nothing is made in an account that the ARNs are not of. */
function precondition(account: string): string {
  return [
    '  lifecycle {',
    '    precondition {',
    `      condition     = data.aws_caller_identity.jit.account_id == ${text(account)}`,
    `      error_message = ${text(`This is written for account ${account}.`)}`,
    '    }',
    '  }',
  ].join('\n');
}

function managed(label: string, policy: NamedPolicy): string {
  return resource('aws_iam_policy', label, [
    ['name', text(policy.name)],
    ['description', text(policy.description)],
    ['policy', document(policy.document)],
  ]);
}

function attachment(label: string, role: string, policy: string): string {
  return resource('aws_iam_role_policy_attachment', label, [
    ['role', role],
    ['policy_arn', policy],
  ]);
}

function resource(type: string, label: string, settings: readonly Setting[], block?: string): string {
  const inside = [aligned(settings, 1), ...(block === undefined ? [] : [block])].join('\n\n');
  return `resource "${type}" "${label}" {\n${inside}\n}`;
}

function document(policy: PolicyDocument): string {
  return `jsonencode(${expression(policy, 1)})`;
}

/** `terraform fmt` aligns the = of neighbouring lines that each hold a whole setting. */
function aligned(settings: readonly Setting[], depth: number): string {
  const isWhole = (setting: Setting | undefined): boolean => setting !== undefined && !setting[1].includes('\n');
  const widths = settings.map(([name]) => name.length);
  let from = 0;
  settings.forEach((setting, index) => {
    if (isWhole(setting)) return;
    level(widths, from, index);
    from = index + 1;
  });
  level(widths, from, settings.length);
  return settings
    .map(([name, value], index) => `${'  '.repeat(depth)}${name.padEnd(widths[index] ?? 0)} = ${value}`)
    .join('\n');
}

function level(widths: number[], from: number, to: number): void {
  widths.fill(Math.max(0, ...widths.slice(from, to)), from, to);
}

function expression(value: Json, depth: number): string {
  if (isList(value)) {
    if (value.every((each) => typeof each !== 'object' || each === null)) {
      const line = `[${value.map((each) => expression(each, depth)).join(', ')}]`;
      if (line.length <= 80) return line;
    }
    const inner = value.map((each) => `${'  '.repeat(depth + 1)}${expression(each, depth + 1)},`);
    return `[\n${inner.join('\n')}\n${'  '.repeat(depth)}]`;
  }
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return String(value);
  const settings = Object.entries(value).map(([name, child]): Setting => [
    /^[A-Za-z]\w*$/.test(name) ? name : text(name),
    expression(child, depth + 1),
  ]);
  return `{\n${aligned(settings, depth + 1)}\n${'  '.repeat(depth)}}`;
}

/** A quoted template in which nothing is interpolated, of printable ASCII. */
function text(value: string): string {
  const unit = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const quoted = JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, unit);
  return quoted.replaceAll(/[$%]\{/g, (begin) => `${begin.charAt(0)}${begin}`);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
