/** A decimal number, also with Fortran's exponent `1.0d-3`; null for any other text, and beyond the range of doubles. */
export function parseNumber(text: string): number | null {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?$/.test(text)) return null
  const value = Number(text.replace(/d/i, 'e'))
  // Adding 0 turns -0 into 0, so that equal crystals have equal bytes.
  return Number.isFinite(value) ? value + 0 : null
}

export const isNumber = (text: string) => parseNumber(text) !== null
