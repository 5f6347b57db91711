/**
 * The operator's log: JSON lines on stderr.
 * @module
 */
import { destination, pino } from 'pino';
import type { Log } from '../broker/service/log.ts';

export function makeLog(): Log {
  const logger = pino({ base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, destination(2));
  return {
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
  };
}
