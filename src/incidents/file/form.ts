/**
 * What stands in a file of incidents: those of a team without a service for it, of a drill, or of one person's own broker.
 * @module
 */
import * as z from 'zod';
import { JitError } from '../../core/errors.ts';
import type { Incident, SourcePerson } from '../../core/incident.ts';
import { parseYaml } from '../../local/yaml.ts';
import { untrusted } from '../untrusted.ts';

/** What an incident is called, in the file and by people. */
export const FILE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const MOST = 200;

const line = z.string().regex(/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,200}$/u);
const id = z.string().regex(FILE_ID);
/** A name that the configuration knows, such as that of the user of an embedded broker, or an e-mail address. */
const person = z.string().regex(/^[\x21-\x7e]{1,128}$/);
const people = z.array(person).max(MOST).default([]);

const incident = z.strictObject({
  id,
  title: line,
  state: z.enum(['open', 'closed']),
  severity: z.literal([1, 2, 3, 4, 5]).nullable().default(null),
  services: z.array(line).max(MOST).default([]),
  responders: people,
  commanders: people,
  onCall: z
    .array(z.strictObject({ person, tier: z.int().min(1).max(20).default(1) }))
    .max(MOST)
    .default([]),
  /** Left out: when the file was last written. */
  openedAt: z.iso
    .datetime({ offset: true })
    .transform((text) => Date.parse(text))
    .optional(),
  url: z
    .url({ protocol: /^https$/ })
    .max(2_000)
    .nullable()
    .default(null),
  mergedInto: id.nullable().default(null),
});

const form = z.strictObject({
  incidents: z
    .array(incident)
    .max(MOST)
    .refine((list) => new Set(list.map((each) => each.id)).size === list.length),
});

type Written = z.infer<typeof incident>;

export interface FileFacts {
  /** The name of the source. */
  readonly source: string;
  /** Which of those on call count. */
  readonly tiers: ReadonlySet<number>;
  /** Epoch ms of the last change of the file. */
  readonly writtenAt: number;
}

/** In the order of the file. Throws `ERR_INCIDENT_SOURCE` with the line of the first mistake and nothing that stands there. */
export function readIncidents(text: string, facts: FileFacts): readonly Incident[] {
  const { source } = facts;
  try {
    const yaml = parseYaml(text, '');
    const read = form.safeParse(yaml.value, { reportInput: false });
    if (read.success) return read.data.incidents.map((each) => incidentOf(each, facts));
    const [issue] = read.error.issues;
    const [key] = issue?.code === 'unrecognized_keys' ? issue.keys : [];
    throw broken(source, yaml.lineOf(issue?.path ?? [], key));
  } catch (thrown) {
    if (!(thrown instanceof JitError) || thrown.code !== 'ERR_CONFIG') throw thrown;
    const [, at] = /^:(\d+):/.exec(thrown.message) ?? [];
    throw broken(source, at === undefined ? 1 : Number(at));
  }
}

function broken(source: string, at: number): JitError {
  return untrusted(source, `line ${at} of their file is not as it should be, so none of them counts`);
}

function incidentOf(written: Written, { source, tiers, writtenAt }: FileFacts): Incident {
  const { id: named, openedAt, mergedInto, onCall, responders, commanders, ...rest } = written;
  // What has become part of another one is over by itself, whatever is said of its state.
  const state = mergedInto === null ? rest.state : 'closed';
  return {
    ...rest,
    source,
    id: named,
    reference: named,
    state,
    responders: [...new Set([...responders, ...commanders])].map(personOf),
    commanders: [...new Set(commanders)].map(personOf),
    onCall:
      state === 'closed'
        ? []
        : onCall.filter(({ tier }) => tiers.has(tier)).map((each) => ({ ...personOf(each.person), tier: each.tier })),
    openedAt: openedAt ?? writtenAt,
    mergedInto,
  };
}

function personOf(name: string): SourcePerson {
  return { id: name, name, email: name.includes('@') ? name : null };
}
