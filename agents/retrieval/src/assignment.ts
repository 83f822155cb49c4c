/**
 * The Hungarian method for square cost matrices (shortest augmenting paths with potentials, O(n^3)), with its working
 * memory kept from one problem to the next. Among equally cheap assignments the order of rows and columns decides.
 */
export class AssignmentSolver {
  readonly #rowPotential: Float64Array
  readonly #columnPotential: Float64Array
  readonly #slack: Float64Array
  readonly #rowOf: Int32Array
  readonly #previous: Int32Array
  readonly #isInTree: Uint8Array

  /** @param largest greatest n to come */
  constructor(largest: number) {
    this.#rowPotential = new Float64Array(largest + 1)
    this.#columnPotential = new Float64Array(largest + 1)
    this.#slack = new Float64Array(largest + 1)
    this.#rowOf = new Int32Array(largest + 1)
    this.#previous = new Int32Array(largest + 1)
    this.#isInTree = new Uint8Array(largest + 1)
  }

  /**
   * @param cost n x n, row-major
   * @param columnOf filled with the column of each row
   * @returns the least total cost
   */
  solve(cost: ArrayLike<number>, n: number, columnOf: Uint16Array): number {
    // Rows and columns count from 1; column 0 holds the row that looks for a place.
    const [u, v, slack] = [this.#rowPotential, this.#columnPotential, this.#slack]
    const [rowOf, previous, isInTree] = [this.#rowOf, this.#previous, this.#isInTree]
    u.fill(0, 0, n + 1)
    v.fill(0, 0, n + 1)
    rowOf.fill(0, 0, n + 1)
    for (let row = 1; row <= n; row++) {
      slack.fill(Infinity, 0, n + 1)
      isInTree.fill(0, 0, n + 1)
      rowOf[0] = row
      let column = 0
      do {
        isInTree[column] = 1
        const treeRow = rowOf[column]
        let least = Infinity
        let next = 0
        for (let j = 1; j <= n; j++) {
          if (isInTree[j] === 1) continue
          const reduced = cost[(treeRow - 1) * n + j - 1] - u[treeRow] - v[j]
          if (reduced < slack[j]) {
            slack[j] = reduced
            previous[j] = column
          }
          if (slack[j] < least) {
            least = slack[j]
            next = j
          }
        }
        for (let j = 0; j <= n; j++) {
          if (isInTree[j] === 1) {
            u[rowOf[j]] += least
            v[j] -= least
          } else slack[j] -= least
        }
        column = next
      } while (rowOf[column] !== 0)
      while (column !== 0) {
        rowOf[column] = rowOf[previous[column]]
        column = previous[column]
      }
    }
    for (let j = 1; j <= n; j++) columnOf[rowOf[j] - 1] = j - 1
    return -v[0]
  }
}
