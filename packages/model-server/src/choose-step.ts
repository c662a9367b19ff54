import { findJsonObject, noFacts, withMessage, type Facts, type Message } from './conversation.ts'
import type { Condition, Scenario, Step } from './scenario.ts'

export interface ChosenStep {
  readonly step: Step
  readonly facts: Facts
}

/**
 * Chooses the step for a request from its messages alone, so that a resumed conversation continues where it stopped:
 * replays the script over the assistant messages so far. Undefined when no alternative's condition holds.
 */
export function chooseStep(scenario: Scenario, messages: readonly Message[]): ChosenStep | undefined {
  let facts = noFacts
  let index = 0
  for (const message of messages) {
    if (message.role === 'assistant' && stepAt(scenario, index, facts)?.repeatToolCalls !== true) index += 1
    facts = withMessage(facts, message)
  }
  const step = stepAt(scenario, index, facts)
  return step && { step, facts }
}

function stepAt(scenario: Scenario, index: number, facts: Facts): Step | undefined {
  const entry = scenario.steps[Math.min(index, scenario.steps.length - 1)]
  const alternatives = entry === undefined ? [] : [entry].flat()
  return alternatives.find((step) => step.when === undefined || holds(step.when, facts))
}

function holds(when: Condition, facts: Facts): boolean {
  const wanted = when.lastToolResult
  if (wanted !== undefined && !toolResultHolds(wanted, facts)) return false
  return when.lastUserText === undefined || matches(when.lastUserText.matches, facts.userTexts.at(-1) ?? '')
}

function toolResultHolds(wanted: NonNullable<Condition['lastToolResult']>, facts: Facts): boolean {
  const result = facts.freshToolResult
  if (result === undefined) return false
  if (wanted.toolName !== undefined && wanted.toolName !== result.toolName) return false
  if (wanted.matches !== undefined && !matches(wanted.matches, result.text)) return false
  return wanted.jsonHas === undefined || Object.hasOwn(findJsonObject(result.text) ?? {}, wanted.jsonHas)
}

function matches(pattern: string, text: string): boolean {
  return new RegExp(pattern, 'iu').test(text)
}
