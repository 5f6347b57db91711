/**
 * Puts together what the broker knows of incidents: the configured sources, their calls, and the ends that they bring.
 * @module
 */
import { openIncidentSources } from '../broker/incidents/open.ts';
import { configuredPeople, type IsWho, localPeople } from '../broker/incidents/people.ts';
import { type Incidents, makeIncidents } from '../broker/incidents/registry.ts';
import { startIncidentWatch } from '../broker/incidents/watch.ts';
import type { Ends } from '../broker/service/emergency/end.ts';
import type { Log } from '../broker/service/log.ts';
import type { Store } from '../broker/store/store.ts';
import type { IncidentReports } from '../core/incident-report.ts';
import type { Hook } from '../core/hook.ts';
import { DRILLS, type Heard, type IncidentSource } from '../core/incident.ts';
import type { Clock, Random } from '../core/ports.ts';
import { drillId, type Drills, makeDrills } from '../incidents/drill/source.ts';
import type { BrokerPlan } from './plan.ts';

export interface IncidentParts {
  readonly incidents: Incidents;
  readonly drills: Drills;
  readonly hooks: ReadonlyMap<string, Hook>;
  /** From now on what happens to incidents happens to access. @returns how to stop. */
  start(ends: Ends): () => Promise<void>;
}

/** Throws `ERR_CONFIG` for a secret of a source that cannot be used. */
export async function openIncidents(
  plan: BrokerPlan,
  parts: {
    readonly store: Store & IncidentReports;
    readonly now: Clock;
    readonly random: Random;
    readonly log: Log;
  },
): Promise<IncidentParts> {
  const { config, beside, user } = plan;
  const { store, now, random, log } = parts;
  const opened = await openIncidentSources({ config: config.incidents, beside, store, now });
  const drills = makeDrills({ now, random });
  const sources = new Map<string, IncidentSource>([...opened].map(([name, { source }]) => [name, source]));
  sources.set(DRILLS, drills.source);
  const people = new Map<string, IsWho>(
    [...config.incidents].map(([name, source]) => [
      name,
      user !== null && source.type === 'file' ? localPeople : configuredPeople(source),
    ]),
  );
  people.set(DRILLS, ({ id }, who) => id === drillId(who));
  const incidents = makeIncidents({ sources, people, now, log });

  let listener: Heard = async () => undefined;
  // What is heard before the start is looked at then, as everything is.
  const heard: Heard = async (source, signals) => listener(source, signals);
  const hooks = new Map([...opened].flatMap(([name, { hook }]) => (hook === null ? [] : [[name, hook(heard)]])));
  drills.hear(heard);

  return {
    incidents,
    drills,
    hooks,
    start: (ends) => {
      const pollMs = config.emergencies.poll * 1_000;
      const watch = startIncidentWatch({ store, incidents, ends, pollMs, now, log });
      listener = watch.heard;
      return async () => {
        for (const { stop } of opened.values()) stop();
        await watch.stop();
      };
    },
  };
}
