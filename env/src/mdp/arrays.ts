interface Concatenable {
  readonly length: number
  set(values: ArrayLike<number>, offset: number): void
}

// Loops, because `TypedArray.from` with a function is several times slower, and these run at every step of a vector.

/** A column of doubles, one for each item. */
export function float64Column<T>(items: readonly T[], value: (item: T) => number): Float64Array {
  const column = new Float64Array(items.length)
  for (let i = 0; i < items.length; i++) column[i] = value(items[i])
  return column
}

/** A column of integers, one for each item. */
export function int32Column<T>(items: readonly T[], value: (item: T) => number): Int32Array {
  const column = new Int32Array(items.length)
  for (let i = 0; i < items.length; i++) column[i] = value(items[i])
  return column
}

/** `values[indices[k]]` for each k. */
export function gather(values: Uint8Array, indices: Uint16Array): Uint8Array {
  const gathered = new Uint8Array(indices.length)
  for (let k = 0; k < indices.length; k++) gathered[k] = values[indices[k]]
  return gathered
}

/** Typed arrays one after the other; a single one as it is, without a copy. */
export function concatenate<T extends Concatenable & ArrayLike<number>>(
  parts: readonly T[],
  create: (length: number) => T,
): T {
  if (parts.length === 1) return parts[0]
  let length = 0
  for (const part of parts) length += part.length
  const whole = create(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

export const float64 = (length: number) => new Float64Array(length)
export const uint16 = (length: number) => new Uint16Array(length)
export const uint8 = (length: number) => new Uint8Array(length)
export const int8 = (length: number) => new Int8Array(length)
