/**
 * Makes the configured sources of incidents: reads their secrets, and joins each with its way out.
 * @module
 */
import type { OpenSource } from '../../core/incident.ts';
import type { IncidentReports } from '../../core/incident-report.ts';
import type { Clock } from '../../core/ports.ts';
import type { Secret } from '../../core/secret.ts';
import type { ServiceParts } from '../../incidents/ask.ts';
import { openIncidentFile } from '../../incidents/file/source.ts';
import { openIncidentIo } from '../../incidents/incident-io/source.ts';
import { openJsm } from '../../incidents/jsm/source.ts';
import { openPagerDuty } from '../../incidents/pagerduty/source.ts';
import { openWebhookSource } from '../../incidents/webhook/source.ts';
import { type Call, makeCall } from '../../outbound/call.ts';
import { readWebhookSecret } from '../../outbound/standard-webhooks.ts';
import type { IncidentsConfig, IncidentSourceConfig } from '../config/incidents.ts';
import { readSecretFile, readSecretFiles } from '../notices/secret-file.ts';

export interface SourceParts {
  readonly config: IncidentsConfig;
  /** Makes a path of the configuration absolute. */
  readonly beside: (file: string) => string;
  readonly store: IncidentReports;
  readonly now: Clock;
  readonly call?: Call;
}

type Config<T extends IncidentSourceConfig['type']> = Extract<IncidentSourceConfig, { type: T }>;
type Parts = SourceParts & { readonly call: Call };

/**
 * By name. Asks nobody yet. Throws `ERR_CONFIG` for a secret that cannot be read or is none of its kind; the message names the
 * file and never what is in it.
 */
export async function openIncidentSources(given: SourceParts): Promise<ReadonlyMap<string, OpenSource>> {
  const parts: Parts = { ...given, call: given.call ?? makeCall() };
  const opened = new Map<string, OpenSource>();
  for (const [name, config] of parts.config) opened.set(name, await openOne(name, config, parts));
  return opened;
}

async function openOne(name: string, config: IncidentSourceConfig, parts: Parts): Promise<OpenSource> {
  switch (config.type) {
    case 'pagerduty':
      return openPagerDuty(await serviceParts(name, config, parts, (text) => text));
    case 'incident.io':
      return openIncidentIo(await serviceParts(name, config, parts, readWebhookSecret));
    case 'jsm': {
      const { flavour, schedules, header } = config;
      return openJsm({ ...(await serviceParts(name, config, parts, (text) => text)), flavour, schedules, header });
    }
    case 'webhook':
      return openWebhook(name, config, parts);
    case 'file':
      return openIncidentFile({ name, file: parts.beside(config.file), tiers: config.tiers });
  }
}

const reachOf = (config: { readonly allow_private_addresses: boolean }): 'private' | 'public' =>
  config.allow_private_addresses ? 'private' : 'public';

async function serviceParts<T>(
  name: string,
  config: Config<'pagerduty' | 'incident.io' | 'jsm'>,
  { beside, now, call }: Parts,
  read: (text: Secret<string>, where: string) => Secret<T>,
): Promise<ServiceParts<T>> {
  const { api, severities, tiers } = config;
  const token = await readSecretFile(beside(config.token.file));
  const signingSecrets = await readSecretFiles(config.signing_secrets ?? [], beside, read);
  return { name, api, reach: reachOf(config), token, signingSecrets, severities, tiers, now, call };
}

async function openWebhook(name: string, config: Config<'webhook'>, parts: Parts): Promise<OpenSource> {
  const { beside, store, now, call } = parts;
  const { severities, tiers, lookup } = config;
  const signingSecrets = await readSecretFiles(config.signing_secrets, beside, readWebhookSecret);
  const [before = '', after = ''] = lookup?.url.split('{id}') ?? [];
  const place =
    lookup === undefined
      ? null
      : { before, after, reach: reachOf(lookup), token: await readSecretFile(beside(lookup.token.file)) };
  return openWebhookSource({ name, signingSecrets, severities, tiers, store, now, call, lookup: place });
}
