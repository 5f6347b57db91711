/**
 * Whether anybody would hear of emergency access.
 * @module
 */
import type { NotifyConfig } from '../config/notify.ts';

/** Whether that notifier tells somebody else than the holder when glass is broken. */
export function hearsOfBreakGlass(config: NotifyConfig): boolean {
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
