import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'

/**
 * Runs a program by its command line. Whatever goes wrong is one line on stderr, `<program>: error: <what> (<how to fix
 * it>)`, and a non-zero exit code: 1, or 130 after Ctrl-C.
 */
export async function runProgram(program: Command): Promise<void> {
  const name = program.name()
  const outputError = (text: string, write: (text: string) => void) => {
    const what = text.replace(/^error: /, '').trimEnd()
    write(`${name}: error: ${what}${what.endsWith(')') ? '' : ` (see ${name} --help)`}\n`)
  }
  // Options after a subcommand's name are its own, also where its parent has some of the same name.
  program.enablePositionalOptions()
  for (const command of withSubcommands(program)) {
    command.configureOutput({ outputError }).showSuggestionAfterError(false)
  }
  // A reader that has seen enough, such as `head`, is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  try {
    await program.parseAsync()
  } catch (error) {
    if (error instanceof Interrupted) {
      process.exitCode = 130
    } else {
      console.error(`${name}: error: ${error instanceof Error ? describe(error) : String(error)}`)
      process.exitCode = 1
    }
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}

/** Ctrl-C, or a request to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

/**
 * Runs a job with a signal that Ctrl-C and SIGTERM abort, so that it can clear away what it began. Repetitions are
 * ignored until the end of the process: npx delivers every Ctrl-C twice.
 */
export async function interruptible<T>(job: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const stop = () => controller.abort(new Interrupted('stopped'))
  process.on('SIGINT', stop).on('SIGTERM', stop)
  try {
    return await job(controller.signal)
  } finally {
    if (!controller.signal.aborted) process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

/** Parser of an option that is a whole number of at least 1. */
export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new InvalidArgumentError('Give a whole number, at least 1.')
  }
  return value
}

function describe(error: Error & { code?: unknown; syscall?: unknown }): string {
  if (typeof error.syscall === 'string') return `${error.message} (check the path, its rights and the free space)`
  // Errors with a code say how to mend them; others are bugs, and their trace says where.
  return typeof error.code === 'string' ? error.message : `${error.stack} (this is a bug: please report it)`
}
