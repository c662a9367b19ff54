import { describe, expect, it } from 'vitest'
import { newUuid, toWireId } from '../../../platform/ids/id.ts'
import { dataBytesMax, eventBody, eventObject, type RunContent } from './render-event.ts'

const payload = { id: 'run_1', status: 'success', cost: '0.01' }
const event = { runId: newUuid(), payload }
const content: RunContent = {
  input: { n: 1 },
  config: {},
  metadata: { order: 7 },
  output: { total: 5 },
  report: 'Done.',
}
const large = 'x'.repeat(dataBytesMax)

describe('the object of an event', () => {
  it('is the run as it was, with its content if requested', () => {
    expect(eventObject(event, 'unwanted')).toEqual({ object: 'run', ...payload })
    expect(eventObject(event, content)).toEqual({ object: 'run', ...payload, ...content })
  })

  it('says that the content was deleted', () => {
    expect(eventObject(event, 'deleted')).toEqual({ object: 'run', ...payload, contentDeleted: true })
  })

  it('is the payload itself for an event without a run', () => {
    expect(eventObject({ runId: null, payload: { object: 'webhook', id: 'wh_1' } }, 'unwanted')).toEqual({
      object: 'webhook',
      id: 'wh_1',
    })
  })

  it('omits the output when it is too large, and says so', () => {
    const { output: _output, ...rest } = content
    expect(eventObject(event, { ...content, output: large })).toEqual({
      object: 'run',
      ...payload,
      ...rest,
      outputTruncated: true,
    })
  })

  it('omits more fields only when that is not enough', () => {
    const object = eventObject(event, {
      ...content,
      output: null,
      report: large,
      input: { text: 'x'.repeat(dataBytesMax / 2) },
    })
    expect(object).toMatchObject({ output: null, reportTruncated: true, metadata: content.metadata })
    expect(object).toHaveProperty('input')
    expect(object).not.toHaveProperty('report')
    const least = eventObject(event, {
      input: large,
      config: { large },
      metadata: { large },
      output: large,
      report: large,
    })
    expect(least).toEqual({
      object: 'run',
      ...payload,
      outputTruncated: true,
      reportTruncated: true,
      inputTruncated: true,
      metadataTruncated: true,
      configTruncated: true,
    })
  })

  it('counts bytes, not characters', () => {
    expect(eventObject(event, { ...content, output: 'ü'.repeat(dataBytesMax / 2) })).toHaveProperty('outputTruncated')
    expect(eventObject(event, { ...content, output: 'u'.repeat(dataBytesMax / 2) })).not.toHaveProperty(
      'outputTruncated',
    )
  })
})

describe('the body of an event', () => {
  it('is an envelope with the type, the time and the version', () => {
    const id = newUuid()
    const body = eventBody(
      { id, type: 'run.completed', createdAt: new Date('2026-03-21T09:30:00.999Z') },
      '2026-03-21',
      { id: 'run_1' },
    )
    expect(body).toEqual({
      id: toWireId('evt', id),
      object: 'event',
      type: 'run.completed',
      apiVersion: '2026-03-21',
      created: 1_774_085_400,
      data: { object: { id: 'run_1' } },
    })
  })
})
