import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { INPUT_FILE, MESSAGES_FILE, REPORT_FILE } from './run-folder.js'
import { pwEnvironment } from './pw-environment.js'

/** In a run folder: the script that runs pw.x there. */
export const SCRIPT_FILE = 'run.sh'
/** In a run folder: how its script found pw.x to end. It exists from the end of the run on. */
export const EXIT_FILE = 'exit.json'
/** In a run folder: asks its script to end the run; so does the removal of the folder. */
export const CANCEL_FILE = 'cancel'

/** Between TERM and KILL. */
const graceSeconds = 5

/** What a job needs beyond the time limit of its runs: to begin, to write its last files, to be ended by us, not by SLURM. */
const marginSeconds = 60

/** How pw.x is started on a node. */
export interface PwCommand {
  /** Name or path of the program. */
  readonly pw: string
  /** Lines of bash before it, such as `module load quantum-espresso`; empty for none. */
  readonly setup: string
}

/** How a run ended, in the words of its own script on the node. */
export interface ScriptEnd {
  /** Of pw.x; above 128: 128 and the signal that ended it. */
  readonly exitCode: number
  readonly timedOut: boolean
  readonly wallSeconds: number
}

/** Time limit of a job, in whole minutes as SLURM has it; the exact limit is kept by the script. */
export function jobMinutes(timeLimitSeconds: number): number {
  return Math.ceil((timeLimitSeconds + graceSeconds + marginSeconds) / 60)
}

/**
 * The script of one run: pw.x under its time limit, finer than SLURM's minutes; at the limit, when SLURM ends the job
 * or when the cancel file appears or the folder goes, TERM and then KILL for its process group; at last its exit code, written by itself, so
 * that nobody has to guess it.
 */
export function runScript(folder: string, timeLimitSeconds: number, { pw, setup }: PwCommand): string {
  return `#!/bin/bash
cd ${quoted(folder)} || exit 1
[ -e ${CANCEL_FILE} ] && exit 1
${setup}
${withoutSlurm}
export ${assignments(folder)}
trap : TERM
started=$(date +%s.%N)
timeout --kill-after=${graceSeconds} ${timeLimitSeconds} ${quoted(pw)} -in ${INPUT_FILE} >${REPORT_FILE} 2>${MESSAGES_FILE} </dev/null &
run=$!
(while [ -e ${SCRIPT_FILE} ] && [ ! -e ${CANCEL_FILE} ]; do sleep 1; done; kill -TERM $run) >/dev/null 2>&1 </dev/null &
watcher=$!
${waitFor('$run')}
kill $watcher
printf '{"exitCode": %d, "startedAt": %s, "endedAt": %s}\\n' $code $started $(date +%s.%N) >${EXIT_FILE}.new
mv ${EXIT_FILE}.new ${EXIT_FILE}
exit $code
`
}

/** The script of a job: all its runs at once, one process each. Its exit code is 0 where all of theirs are. */
export function jobScript(folders: readonly string[]): string {
  return `#!/bin/bash
trap : TERM
runs=()
for script in ${folders.map((folder) => quoted(join(folder, SCRIPT_FILE))).join(' ')}; do
  bash "$script" &
  runs+=($!)
done
status=0
for run in "\${runs[@]}"; do
${waitFor('$run')}
  [ $code -eq 0 ] || status=$code
done
exit $status
`
}

/** Printed by the version script where there is no pw.x. */
export const PW_MISSING_MARK = 'unitcell: no pw.x'

/** A script that prints the report of pw.x on an empty input: it names its version before it notices. */
export function versionScript({ pw, setup }: PwCommand): string {
  return `${setup}
${withoutSlurm}
command -v ${quoted(pw)} >/dev/null || { echo ${quoted(PW_MISSING_MARK)}; exit 0; }
folder=$(mktemp -d) && cd "$folder" || exit 1
export ${assignments('.')}
timeout 30 ${quoted(pw)} </dev/null 2>/dev/null
cd /
rm -rf "$folder"
`
}

/** How the run in that folder ended; null while its script has not said so. */
export async function readScriptEnd(folder: string, timeLimitSeconds: number): Promise<ScriptEnd | null> {
  try {
    const { exitCode, startedAt, endedAt } = JSON.parse(await readFile(join(folder, EXIT_FILE), 'utf8')) as {
      exitCode: number
      startedAt: number
      endedAt: number
    }
    const wallSeconds = endedAt - startedAt
    // timeout(1) exits with 124 where TERM was enough, and dies with its own KILL where it was not.
    const timedOut = exitCode === 124 || (exitCode === 137 && wallSeconds >= timeLimitSeconds)
    return { exitCode, timedOut, wallSeconds }
  } catch {
    return null
  }
}

/** MPI would take them for an invitation to start under SLURM's process manager, which is not there. */
const withoutSlurm = 'unset ${!SLURM*} ${!PMI*}'

/** Waits in spite of the TERM that SLURM sends to the whole job; leaves the exit code in `code`. */
function waitFor(pid: string): string {
  return `while :; do wait ${pid}; code=$?; kill -0 ${pid} 2>/dev/null || break; done`
}

function assignments(folder: string): string {
  return Object.entries(pwEnvironment(folder))
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(' ')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
