export { DFT_ERRORS, DftError, type DftErrorCode } from './errors.js'
export { FAILURES, classifyRun, dftFailure, type DftFailure, type FailureCode } from './failure.js'
export {
  GTH_CUTOFFS,
  GTH_POTENTIALS_FILE,
  gthFileText,
  parseGthPotentials,
  readGthPotentials,
  type GthPotential,
} from './gth.js'
export { pwInput, type InputSettings } from './input.js'
export { labelSet, labelSetIdentity, labelSetSchema, restrictLabelSet, type LabelSet } from './label-set.js'
export {
  maxSeconds,
  type LaunchOptions,
  type Launcher,
  type RunEnd,
  type RunHandle,
  type RunProgress,
} from './launcher.js'
export { LocalLauncher } from './local-launcher.js'
export { ScfFollower, parsePwData, parsePwOutput, type PwData, type PwOutput, type ScfProgress } from './output.js'
export { MINIMUM_DISTANCE_ANGSTROM, MINIMUM_VOLUME_ANGSTROM3, structureFailure } from './prechecks.js'
export { isRunning, processId, type ProcessId } from './process.js'
export {
  PROFILES,
  PROFILE_NAMES,
  bandCount,
  profileByName,
  type BandRule,
  type Profile,
  type ProfileName,
} from './profile.js'
export {
  PseudopotentialSet,
  pseudopotentialSource,
  type Cutoffs,
  type Pseudopotential,
  type PseudopotentialSource,
} from './pseudopotentials.js'
export {
  RunFolder,
  checkWorkFolder,
  type BatchJob,
  defaultWorkFolder,
  findRuns,
  type FoundRun,
  type RunContent,
  type RunFiles,
  type RunRecord,
} from './run-folder.js'
export {
  DEFAULT_TIME_LIMIT_SECONDS,
  DftRunner,
  type DftConverged,
  type DftFailed,
  type DftResult,
  type DftRunOptions,
  type DftRunnerOptions,
} from './runner.js'
export {
  jobPhase,
  parseScontrolJob,
  parseSqueue,
  type JobPhase,
  type SlurmJob,
  type SlurmJobDetails,
} from './slurm-client.js'
export { SlurmLauncher, type SlurmOptions } from './slurm-launcher.js'
export { readUpfHeader, type UpfHeader } from './upf.js'
