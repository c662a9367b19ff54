import type { Ending, RunError } from '../../runs/index.ts'

export const succeeded: Ending = { status: 'success', error: null }

export function failed(code: string, message: string, reasons?: RunError['reasons']): Ending {
  return { status: 'failed', error: { code, message, ...(reasons === undefined ? {} : { reasons }) } }
}
