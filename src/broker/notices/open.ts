/**
 * Makes the configured notifiers: reads their secrets, and joins each with its own way out.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { JitError } from '../../core/errors.ts';
import type { Hook } from '../../core/hook.ts';
import type { CastVote, Notifier } from '../../core/notice.ts';
import type { Clock } from '../../core/ports.ts';
import { Secret } from '../../core/secret.ts';
import { emailNotifier } from '../../notify/email/notifier.ts';
import { makeSlackApi } from '../../notify/slack/api.ts';
import { slackHook } from '../../notify/slack/hook.ts';
import { slackNotifier } from '../../notify/slack/notifier.ts';
import { slackPeople } from '../../notify/slack/people.ts';
import { teamsNotifier } from '../../notify/teams/notifier.ts';
import { webhookNotifier } from '../../notify/webhook/notifier.ts';
import { urlProblem } from '../../outbound/address.ts';
import { type Call, makeCall } from '../../outbound/call.ts';
import { readWebhookSecret } from '../../outbound/standard-webhooks.ts';
import type { NotifyConfig } from '../config/notify.ts';
import type { NoticeStore } from '../store/notices.ts';
import type { NoticeRoute } from './route.ts';
import { readSecretFile, readSecretFiles } from './secret-file.ts';

export interface NotifierParts {
  readonly config: ReadonlyMap<string, NotifyConfig>;
  /** Makes a path of the configuration absolute. */
  readonly beside: (file: string) => string;
  readonly store: Pick<NoticeStore, 'noticeReceipt'>;
  readonly castVote: CastVote;
  readonly now: Clock;
  readonly post?: Call;
}

export interface OpenedNotifiers {
  readonly notifiers: readonly Notifier[];
  readonly routes: readonly NoticeRoute[];
  /** By the name of the notifier: those that services call back. */
  readonly hooks: ReadonlyMap<string, Hook>;
}

type Config<T extends NotifyConfig['type']> = Extract<NotifyConfig, { type: T }>;
type Opened = { readonly notifier: Notifier; readonly hook: Hook | null };
type Parts = NotifierParts & { readonly post: Call };

const DECIDED = ['approved', 'denied', 'cancelled', 'timed-out'] as const;

/** Throws `ERR_CONFIG` for a secret that cannot be read or is none of its kind; the message names the file and never what is in it. */
export async function openNotifiers(given: NotifierParts): Promise<OpenedNotifiers> {
  const parts: Parts = { ...given, post: given.post ?? makeCall() };
  const notifiers: Notifier[] = [];
  const routes: NoticeRoute[] = [];
  const hooks = new Map<string, Hook>();
  for (const [name, config] of parts.config) {
    const { notifier, hook } = await openOne(name, config, parts);
    notifiers.push(notifier);
    routes.push(routeOf(name, config));
    if (hook !== null) hooks.set(name, hook);
  }
  return { notifiers, routes, hooks };
}

function routeOf(name: string, config: NotifyConfig): NoticeRoute {
  // A message with buttons has to lose them when they have no meaning any more.
  const must = config.type === 'slack' && config.approve === 'buttons' ? DECIDED : [];
  const groups = config.type === 'email' || config.groups === undefined ? null : new Set(config.groups);
  return { name, on: new Set([...config.on, ...must]), groups };
}

async function openOne(name: string, config: NotifyConfig, parts: Parts): Promise<Opened> {
  switch (config.type) {
    case 'slack':
      return openSlack(name, config, parts);
    case 'teams':
      return { notifier: await openTeams(name, config, parts), hook: null };
    case 'webhook':
      return { notifier: await openWebhook(name, config, parts), hook: null };
    case 'email':
      return { notifier: await openEmail(name, config, parts), hook: null };
  }
}

const reachOf = (config: { readonly allow_private_addresses: boolean }): 'private' | 'public' =>
  config.allow_private_addresses ? 'private' : 'public';

async function openSlack(name: string, config: Config<'slack'>, parts: Parts): Promise<Opened> {
  const { beside, castVote, store, now } = parts;
  const token = await readSecretFile(beside(config.token.file));
  const call = makeSlackApi({ api: config.api, reach: reachOf(config), token }, parts);
  const people = slackPeople(config.people);
  const channel = config.channel === 'requester' ? null : config.channel;
  const notifier = slackNotifier({ name, channel, approve: config.approve, people }, call);
  if (config.approve === 'page') return { notifier, hook: null };
  const secrets = await readSecretFiles(config.signing_secrets ?? [], beside, (text) => text);
  const receiptOf = async (request: Parameters<NoticeStore['noticeReceipt']>[1]): Promise<string | null> =>
    store.noticeReceipt(name, request);
  return { notifier, hook: slackHook({ secrets, people, receiptOf, castVote, call, now }) };
}

async function openTeams(name: string, config: Config<'teams'>, parts: Parts): Promise<Notifier> {
  const file = parts.beside(config.url.file);
  const url = await readSecretFile(file);
  const reach = reachOf(config);
  const problem = urlProblem(url.expose(), reach);
  if (problem !== null) throw new JitError({ code: 'ERR_CONFIG', message: `${file}: it has to hold ${problem}` });
  return teamsNotifier({ name, url, reach }, parts);
}

async function openWebhook(name: string, config: Config<'webhook'>, parts: Parts): Promise<Notifier> {
  const secrets = await readSecretFiles(config.secrets, parts.beside, readWebhookSecret);
  return webhookNotifier({ name, url: new Secret(config.url), reach: reachOf(config), secrets }, parts);
}

async function openEmail(name: string, config: Config<'email'>, { beside }: Parts): Promise<Notifier> {
  const { host, port, tls, user, password, from, to = [], approvers, people } = config;
  const login =
    user === undefined || password === undefined
      ? null
      : { user, password: await readSecretFile(beside(password.file)) };
  const ca = config.ca === undefined ? null : await readFile(beside(config.ca), 'utf8').catch(unreadable(config.ca));
  const settings = { name, server: { host, port, tls, ca, login }, from, to, approvers, people };
  return emailNotifier(settings);
}

function unreadable(file: string): (cause: unknown) => never {
  return (cause) => {
    throw new JitError({ code: 'ERR_CONFIG', message: `${file}: cannot be read`, cause });
  };
}
