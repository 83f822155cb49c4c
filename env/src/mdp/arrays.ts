interface Concatenable {
  readonly length: number
  set(values: ArrayLike<number>, offset: number): void
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
