/**
 * What the pages need of the rest: as little as they can do with.
 * @module
 */
import type { Clock, Random } from '../../core/ports.ts';
import type { RelyingParty } from '../../identity/sign-in/relying-party.ts';
import type { Verifier } from '../../identity/verify/verified.ts';
import type { Broker } from '../service/broker.ts';
import type { Log } from '../service/log.ts';
import type { WebSessionStore } from '../store/web-sessions.ts';

/** The use cases behind the pages. None of them hands out a credential. */
export type WebBroker = Pick<
  Broker,
  | 'inbox'
  | 'requests'
  | 'request'
  | 'review'
  | 'approve'
  | 'deny'
  | 'cancel'
  | 'confirm'
  | 'liveGrants'
  | 'grant'
  | 'revoke'
  | 'entries'
  | 'incident'
  | 'revokeIncident'
  | 'reviews'
  | 'reviewOf'
  | 'closeReview'
>;

/** What is said of a target beside what would be issued there. */
export interface Place {
  readonly provider: string;
  readonly environment: string;
  readonly sandbox: boolean;
}

export interface WebParts {
  readonly broker: WebBroker;
  readonly store: WebSessionStore;
  /** Those at which people sign in to the pages. */
  readonly providers: readonly RelyingParty[];
  readonly verifier: Verifier;
  /** Configured targets by name. */
  readonly places: ReadonlyMap<string, Place>;
  /** The broker's public address, https, without a slash at its end. */
  readonly address: string;
  readonly limits: {
    /** Length of a session. */
    readonly lengthSeconds: number;
    /** How far the time of a word of the identity provider may be from now. */
    readonly wordSeconds: number;
  };
  readonly now: Clock;
  readonly random: Random;
  readonly log: Log;
}
