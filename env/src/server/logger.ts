import { pino } from 'pino'

export type Logger = ReturnType<typeof createLogger>

/** Log of the server: JSON lines on stderr, tokens never in them. */
export function createLogger(level: string) {
  return pino({ level, redact: ['token', 'resume', '*.token', '*.resume'] }, pino.destination({ fd: 2, sync: true }))
}
