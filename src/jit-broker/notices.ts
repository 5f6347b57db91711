/**
 * Puts together who is told of what: the configured notifiers, the calls that come back from them, and their way into a broker.
 * @module
 */
import { type NoticeDelivery, startDelivery } from '../broker/notices/delivery.ts';
import { unheard } from '../broker/notices/hearing.ts';
import { openNotifiers } from '../broker/notices/open.ts';
import type { Broker } from '../broker/service/broker.ts';
import type { Log } from '../broker/service/log.ts';
import { makeTeller, SILENT, type Teller } from '../broker/service/tell.ts';
import type { NoticeStore } from '../broker/store/notices.ts';
import type { SessionStore } from '../broker/store/sessions.ts';
import { JitError } from '../core/errors.ts';
import type { Hook } from '../core/hook.ts';
import type { CastVote } from '../core/notice.ts';
import type { Clock, Random, Target } from '../core/ports.ts';
import type { BrokerPlan } from './plan.ts';

type Votes = Pick<Broker, 'approve' | 'deny'>;

export interface Notices {
  readonly teller: Teller;
  readonly hooks: ReadonlyMap<string, Hook>;
  /** Begins to tell what waits; from now on votes from outside go to this broker. @returns how to stop. */
  start(broker: Votes): () => Promise<void>;
}

/** Throws `ERR_CONFIG` for a secret of a notifier that cannot be used. */
export async function openNotices(
  plan: BrokerPlan,
  parts: {
    readonly store: NoticeStore & Pick<SessionStore, 'lastKnown'>;
    readonly targets: ReadonlyMap<string, Target>;
    readonly now: Clock;
    readonly random: Random;
    readonly log: Log;
  },
): Promise<Notices> {
  const { config, beside, issuer, user } = plan;
  const { store, targets, now, random, log } = parts;
  // With nobody to tell, a shared broker still drops what waits from an earlier configuration.
  if (user !== null) {
    return { teller: SILENT, hooks: new Map(), start: () => async () => undefined };
  }
  const running: { broker: Votes | null; delivery: NoticeDelivery | null } = { broker: null, delivery: null };
  const longest = config.sessions.length * 1_000;

  /** Chat proves who pressed a button, and nothing about what they still may: for that there has to be a recent word. */
  const castVote: CastVote = async (voter, { request, hash, policy, choice, comment }) => {
    const { broker } = running;
    if (broker === null) throw new JitError({ code: 'ERR_STORE', message: 'the broker is still starting' });
    const known = await store.lastKnown(voter);
    if (known === null || now() - known.at > longest) {
      throw new JitError({
        code: 'ERR_NOT_SIGNED_IN',
        message: 'you have not signed in to the broker lately, so it does not know what you may decide',
        hint: 'open the request on its page and sign in there',
      });
    }
    const seen = { hash, policy };
    const { request: view } =
      choice === 'approve'
        ? await broker.approve(known.principal, request, {
            ...seen,
            ...(comment === null ? {} : { comment }),
            attended: true,
          })
        : await broker.deny(known.principal, request, { ...seen, reason: comment ?? 'denied in chat' });
    return { state: view.state, why: view.why, missing: view.quorum.reduce((sum, each) => sum + each.missing, 0) };
  };

  const silence = unheard(config);
  if (silence !== null) log.warn(silence, { notifiers: config.notify.size });
  const { notifiers, routes, hooks } = await openNotifiers({ config: config.notify, beside, store, castVote, now });
  return {
    teller: makeTeller({ routes, targets, address: issuer, wake: () => running.delivery?.wake() }),
    hooks,
    start: (broker) => {
      const delivery = startDelivery({ store, notifiers, now, random, log });
      Object.assign(running, { broker, delivery });
      return delivery.stop;
    },
  };
}
