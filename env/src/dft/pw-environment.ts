/**
 * The variables that every pw.x gets: one thread; reports unbuffered, else the messages of an abort are lost; Open MPI alone, and with its own files in the
 * run's folder, so that they go when it goes.
 */
export function pwEnvironment(folder: string): Record<string, string> {
  return {
    OMP_NUM_THREADS: '1',
    OPENBLAS_NUM_THREADS: '1',
    GFORTRAN_UNBUFFERED_PRECONNECTED: '1',
    OMPI_MCA_ess_singleton_isolated: '1',
    OMPI_MCA_btl: 'self',
    TMPDIR: folder,
  }
}
