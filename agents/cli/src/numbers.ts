import { InvalidArgumentError } from 'commander'

// Parsers of options.

export function wholeNumber(text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw new InvalidArgumentError('Give a whole number, at least 0.')
}

export function nonNegative(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value < Infinity) return value
  throw new InvalidArgumentError('Give a number, at least 0.')
}

export function positive(text: string): number {
  const value = nonNegative(text)
  if (value > 0) return value
  throw new InvalidArgumentError('Give a number above 0.')
}
