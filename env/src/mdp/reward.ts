// The reward is a pure function of the labels, and so lives where recorded data are scored, too.
export { terminalReward, type Reward, type RewardFailure as Failure } from '@unitcell/datasets'
