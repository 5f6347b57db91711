/**
 * Whether anybody would hear of emergency access.
 * @module
 */
import type { IncidentsConfig } from '../config/incidents.ts';
import type { NotifyConfig } from '../config/notify.ts';

/** @returns what to warn of where there are incidents, and nobody but the holder would be told when glass is broken; else null. */
export function unheard(config: {
  readonly incidents: IncidentsConfig;
  readonly notify: ReadonlyMap<string, NotifyConfig>;
}): string | null {
  if (config.incidents.size === 0 || [...config.notify.values()].some(hears)) return null;
  return 'nobody is told when somebody breaks glass: no notifier for others has break-glass in its on';
}

function hears(config: NotifyConfig): boolean {
  if (!config.on.includes('break-glass')) return false;
  switch (config.type) {
    case 'slack':
      return config.channel !== 'requester';
    case 'email':
      return config.to !== undefined || Object.keys(config.approvers).length > 0;
    case 'teams':
    case 'webhook':
      return true;
  }
}
