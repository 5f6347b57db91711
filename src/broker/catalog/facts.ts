/**
 * What a template can say of the target that it is filled in for: `{target.account}`, so that one operation serves many accounts.
 * @module
 */
import type { Target } from '../../core/ports.ts';

const PREFIX = 'target.';

/** Whether a name in a template is about the target rather than a parameter: no parameter's name holds a dot. */
export const isFact = (name: string): boolean => name.startsWith(PREFIX);

/** What is known of a target, by the names of templates. */
export function factsOf({ tool }: { readonly tool?: Target['tool'] }): ReadonlyMap<string, string> {
  const facts = Object.entries(known(tool)).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return new Map(facts.map(([name, value]) => [`${PREFIX}${name}`, value]));
}

function known(tool: Target['tool'] | undefined): Readonly<Record<string, string | null>> {
  switch (tool?.kind) {
    case 'aws':
      return { account: tool.account, region: tool.region };
    case 'gcp':
      return { project: tool.project };
    case 'azure':
      return { subscription: tool.subscription, tenant: tool.tenant };
    case 'kubernetes':
      return { namespace: tool.namespace };
    case 'postgres':
    case undefined:
      return {};
    default:
      return tool satisfies never;
  }
}
