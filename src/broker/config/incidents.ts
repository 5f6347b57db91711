/**
 * The part of the configuration that says where incidents come from, and what emergency access is held to.
 * @module
 */
import * as z from 'zod';
import { DRILLS, type Severity } from '../../core/incident.ts';
import { urlProblem } from '../../outbound/address.ts';
import { duration } from './duration.ts';

const LINE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u;

const line = z.string().regex(LINE, 'one line of at most 256 characters');
const path = z.string().regex(/^[^\0]{1,1024}$/, 'the path of a file');
const id = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'an id of the source, at most 128 characters without spaces');

/** Never the secret itself: a private file that holds it in one line. Relative to the configuration file. */
const secret = z.strictObject({ file: path });
const rotating = z.strictObject({
  file: path,
  /** Until when it is used; for ever if left out. */
  until: z.iso
    .datetime({ offset: true, error: 'a time such as 2027-01-31T12:00:00Z' })
    .transform((text) => Date.parse(text))
    .optional(),
});
const secrets = z.array(rotating).min(1).max(2, 'at most two: the new one and the old one');

const severity = z.literal([1, 2, 3, 4, 5], { error: 'a number from 1, the most severe, to 5' });

/** What the services call their levels where nobody has renamed them, in the three ways of writing them. */
const USUAL: ReadonlyMap<string, Severity> = new Map(
  (
    [
      ['Critical', 1],
      ['High', 2],
      ['Major', 2],
      ['Medium', 3],
      ['Moderate', 3],
      ['Low', 4],
      ['Minor', 4],
      ['Informational', 5],
      ...([1, 2, 3, 4, 5] as const).flatMap((level) =>
        ['P', 'SEV', 'SEV-', 'SEV '].map((prefix) => [`${prefix}${level}`, level] as const),
      ),
    ] as const
  ).flatMap(([name, level]) => [name, name.toLowerCase(), name.toUpperCase()].map((each) => [each, level] as const)),
);

const who = {
  /** Who is who: the id of somebody at the source, and the principal that they are. */
  people: z
    .array(z.strictObject({ id, issuer: line, subject: line }))
    .max(5_000)
    .refine((list) => new Set(list.map((each) => each.id)).size === list.length, 'somebody stands there twice')
    .default([]),
  /** `person`: somebody of the source is the principal whose verified person key is their e-mail address. */
  match: z.literal('person', { error: 'person, or nothing' }).optional(),
};
const ranks = {
  /** Their names of severities; one that is not among them has none. */
  severities: z
    .record(line, severity)
    .transform((names): ReadonlyMap<string, Severity> => new Map(Object.entries(names)))
    .default(USUAL),
  /** Which steps of an escalation count as being on call. */
  tiers: z
    .array(z.int().min(1).max(20))
    .min(1)
    .transform((list): ReadonlySet<number> => new Set(list))
    .default(new Set([1])),
};
const service = {
  ...who,
  ...ranks,
  token: secret,
  /** Of their calls. Left out: they make none, and are only asked. */
  signing_secrets: secrets.optional(),
  allow_private_addresses: z.boolean().default(false),
};

type Wrong = (field: string, message: string) => void;
type Reached = { readonly allow_private_addresses: boolean };

const wrongIn =
  (context: z.core.$RefinementCtx): Wrong =>
  (field, message) =>
    context.addIssue({ code: 'custom', path: field.split('.'), message });

function checkApi(api: string, { allow_private_addresses: lax }: Reached, wrong: Wrong): void {
  const problem = urlProblem(api, lax ? 'private' : 'public');
  if (problem !== null) wrong('api', problem);
  else if (/[?#]|\/$/.test(api)) wrong('api', 'a URL without query and final slash');
}

const pagerduty = z
  .strictObject({ ...service, type: z.literal('pagerduty'), api: z.string().default('https://api.pagerduty.com') })
  .superRefine((config, context) => checkApi(config.api, config, wrongIn(context)));

const incidentIo = z
  .strictObject({ ...service, type: z.literal('incident.io'), api: z.string().default('https://api.incident.io') })
  .superRefine((config, context) => checkApi(config.api, config, wrongIn(context)));

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const uuid = z.string().regex(UUID, 'an id such as 35ad6a3e-8f6d-4a37-a3f1-8b2f5f4d3c2b');

const schedule = z.strictObject({
  id: uuid,
  tier: z.int().min(1).max(20).default(1),
  /** Ids of the teams and escalations to whose alerts it belongs, besides those that it responds to itself. */
  for: z.array(uuid).max(100).default([]),
});

const JSM_API = { jsm: 'https://api.atlassian.com/jsm/ops/api', opsgenie: 'https://api.opsgenie.com' } as const;

const jsm = z
  .strictObject({
    ...service,
    type: z.literal('jsm'),
    /** `jsm`: the operations of Jira Service Management. `opsgenie`: what they were before, with a key of its own. */
    flavour: z.enum(['jsm', 'opsgenie']).default('jsm'),
    /** Whose site it is, as in `https://SITE.atlassian.net/_edge/tenant_info`. */
    cloud: uuid.optional(),
    /** The e-mail address of the account to which the token belongs. */
    user: line.optional(),
    api: z.string().optional(),
    /** Who is on call for an alert: whoever is on duty in those of these schedules that it concerns. */
    schedules: z.array(schedule).max(50).default([]),
    /** The header in which their calls carry the secret: they sign nothing. */
    header: z
      .string()
      .regex(/^x-[a-z0-9-]{1,60}$/, 'a header in lower case that starts with x-, such as x-jit-secret')
      .default('x-jit-secret'),
  })
  .superRefine((config, context) => {
    const wrong = wrongIn(context);
    const { flavour, cloud, user, match } = config;
    if (config.api !== undefined) checkApi(config.api, config, wrong);
    if (flavour === 'opsgenie') {
      if (cloud !== undefined) wrong('cloud', 'only for the flavour jsm');
      if (user !== undefined) wrong('user', 'only for the flavour jsm');
      return;
    }
    if (cloud === undefined) wrong('cloud', "the id of the site's cloud is needed");
    if (user === undefined || user.includes(':')) wrong('user', 'the e-mail address of the account is needed');
    if (match !== undefined) wrong('match', 'its operations give no e-mail addresses: list people');
  })
  .transform(({ api, flavour, cloud, user, ...rest }) => ({
    ...rest,
    api: api ?? JSM_API[flavour],
    // Without the two it is refused above.
    flavour:
      flavour === 'jsm' && cloud !== undefined && user !== undefined
        ? { kind: 'jsm' as const, cloud, user }
        : { kind: 'opsgenie' as const },
  }));

const webhook = z
  .strictObject({
    ...who,
    ...ranks,
    type: z.literal('webhook'),
    /** `whsec_…`: without a signature there is nothing to go by. */
    signing_secrets: secrets,
    /** Where the same can be asked for; then a call is a reason to look and no more. */
    lookup: z
      .strictObject({
        /** Holds `{id}` once. */
        url: z.string(),
        token: secret,
        allow_private_addresses: z.boolean().default(false),
      })
      .optional(),
  })
  .superRefine(({ lookup }, context) => {
    if (lookup === undefined) return;
    const wrong = wrongIn(context);
    const { url, allow_private_addresses: lax } = lookup;
    const parts = url.split('{id}');
    if (parts.length !== 2 || !isIdPlace(parts)) return wrong('lookup.url', 'a URL with {id} once, behind the host');
    const problem = urlProblem(parts.join('x'), lax ? 'private' : 'public');
    if (problem !== null) wrong('lookup.url', problem);
  });

const file = z.strictObject({ ...who, type: z.literal('file'), file: path, tiers: ranks.tiers });

/** One source of incidents, by type. Every secret is named by its file. */
export const incidentSchema = z.discriminatedUnion('type', [pagerduty, incidentIo, jsm, webhook, file]);

const none = z.literal([0, '0', '0s']).transform(() => 0);

export const emergenciesSchema = z
  .strictObject({
    /** How often each incident in use is looked at, should no call come. */
    poll: duration(5, 300).default(30),
    /** How long the last answer of a source that cannot be reached counts for what is live already. */
    stale: duration(30, 900).default(300),
    /** Emergency requests of one person. */
    rate: z
      .strictObject({ requests: z.int().min(1).max(100).default(3), within: duration(60, 86_400).default(3_600) })
      .prefault({}),
    /** How many reviews may be open before nobody but commanders gets more. */
    reviews: z.int().min(1).max(1_000).default(2),
    /** Groups whose members are not held up by open reviews. */
    commanders: z.array(line).max(200).default([]),
    /** How old the identity provider's last word may be while it is down; 0: no older than at any other time. */
    sessions: z
      .union([none, duration(60, 86_400)], { error: '0 for never, or a duration from 1m to 24h such as 4h' })
      .default(0),
  })
  .prefault({});

export type IncidentSourceConfig = z.infer<typeof incidentSchema>;

/** By name, which is also where they call: `/v1/hooks/NAME`. */
export type IncidentsConfig = ReadonlyMap<string, IncidentSourceConfig>;

/** Durations are seconds. */
export type EmergenciesConfig = Readonly<z.infer<typeof emergenciesSchema>>;

/** Fields that a slip of the pen may have meant. */
export const INCIDENT_FIELDS =
  'incidents api severities tiers match flavour cloud schedules header lookup emergencies poll stale rate requests within reviews commanders'.split(
    ' ',
  );

/** A name is also an address, so no source may have that of a notifier; nor may one be taken for exercises. */
export function demandOwnHooks(
  { notify, incidents }: { readonly notify: object; readonly incidents: object },
  context: z.core.$RefinementCtx,
): void {
  if (Object.hasOwn(incidents, DRILLS)) {
    context.addIssue({
      code: 'custom',
      path: ['incidents', DRILLS],
      message: 'another name: this is that of exercises',
    });
  }
  for (const name of Object.keys(incidents).filter((each) => Object.hasOwn(notify, each))) {
    const message = `a notifier has that name too, and both would be called at /v1/hooks/${name}`;
    context.addIssue({ code: 'custom', path: ['incidents', name], message });
  }
}

/** Behind the host, whole between slashes or as the value of a parameter: an id can then name nothing else. */
function isIdPlace([before = '', after = '']: readonly string[]): boolean {
  return /^https?:\/\/[^/?#]+(?:\/|\/[^?#]*\/|\/[^#]*[?&][\w-]+=)$/.test(before) && /^(?:$|[/?&])/.test(after);
}
