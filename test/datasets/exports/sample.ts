import {
  CrystalDataSet,
  DEFAULT_REWARD,
  exportDataSet,
  type ExportFormat,
  type ExportRequest,
} from '@unitcell/datasets'

/** Exports the training part of the built-in data set. */
export async function exportBuiltin(format: ExportFormat, out: string, changes: Partial<ExportRequest> = {}) {
  const dataSet = await CrystalDataSet.openBuiltin()
  const reward = { ...DEFAULT_REWARD, target: 2 }
  return exportDataSet(dataSet, { format, out, split: 'train', reward, ...changes })
}
