import { Cron } from 'croner'
import type { InvalidPart } from '../../../platform/problems/problem.ts'

/** When something fires: a cron expression in a time zone. All functions but findRuleMistakes need a valid one. */
export interface FireRule {
  readonly cronExpression: string
  readonly timezone: string
}

const aliases = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']

const fields = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  { name: 'day of week', min: 0, max: 7 },
] as const

/** The mistakes in the rule; empty when it can fire. */
export function findRuleMistakes({ cronExpression, timezone }: FireRule): InvalidPart[] {
  const zone = isTimezone(timezone)
    ? []
    : [{ pointer: '/timezone', message: 'is not an IANA time zone such as Europe/Berlin or UTC', code: 'timezone' }]
  const message = whyNoCron({ cronExpression, timezone: zone.length === 0 ? timezone : 'UTC' })
  return [...(message === undefined ? [] : [{ pointer: '/cronExpression', message, code: 'cron' }]), ...zone]
}

/** The expression with single blanks between its fields. */
export function tidyExpression(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ')
}

/** The first nominal fire after a moment; null when there is none. */
export function nextFire(rule: FireRule, after: Date): Date | null {
  return open(rule).nextRun(after)
}

/** The next `count` nominal fires after a moment. */
export function nextFires(rule: FireRule, after: Date, count: number): Date[] {
  return open(rule).nextRuns(count, after)
}

/** The last `count` nominal fires up to and including a moment, the latest first. */
export function lastFires(rule: FireRule, until: Date, count: number): Date[] {
  return open(rule).previousRuns(count, new Date(until.getTime() + 1))
}

// A list of hours counts as fixed times: 02:30 and 14:30 each fire once a day, even when the clocks change.
function open({ cronExpression, timezone }: FireRule): Cron {
  return new Cron(cronExpression, { timezone, mode: '5-part', fixedTimeRule: 'no-wildcard' })
}

function whyNoCron(rule: FireRule): string | undefined {
  const text = rule.cronExpression
  if (text.startsWith('@')) return aliases.includes(text) ? undefined : `is not an alias: use ${aliases.join(', ')}`
  const parts = text.split(' ')
  if (parts.length !== fields.length)
    return (
      `has ${parts.length} field${parts.length === 1 ? '' : 's'}, but needs exactly 5: ` +
      'minute, hour, day of month, month, day of week'
    )
  for (const [index, part] of parts.entries()) {
    const message = whyNoField(part, index)
    if (message !== undefined) return message
  }
  return whyNeverFires(rule)
}

function whyNoField(part: string, index: number): string | undefined {
  const field = fields[index]
  if (field === undefined) return undefined
  if (!/^[0-9A-Za-z*,/#-]+$/.test(part))
    return `has "${part}" as its ${field.name}, where only numbers, names and * , - / # L W can stand`
  // A number after a slash or a hash is a step or a week, not a value of the field.
  const wrong = [...part.matchAll(/(?<![/#\d])\d+/g)].find(
    ([number]) => Number(number) < field.min || Number(number) > field.max,
  )
  return wrong === undefined
    ? undefined
    : `has ${wrong[0]} as its ${field.name}, which goes from ${field.min} to ${field.max}`
}

function whyNeverFires(rule: FireRule): string | undefined {
  try {
    return nextFire(rule, new Date(0)) === null ? 'never fires: there is no such day' : undefined
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : 'it cannot be parsed'
    return `is not a cron expression: ${reason}`
  }
}

function isTimezone(name: string): boolean {
  // Intl also accepts fixed offsets such as +02:00, which are not time zones.
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
