import type { SendOptions, Send } from '../../../../testing/request.ts'
import type { Actor, RunWorld } from '../../../../testing/factories/run-world.ts'

/** Writes the run's input everywhere a run can write. */
const leaveEverything = {
  steps: [
    {
      text: 'The input is {{input.note}}.',
      toolCalls: [
        { name: 'bash', arguments: { command: 'cp /workspace/input/* /workspace/output/' } },
        { name: 'log', arguments: { level: 'info', message: '{{input.note}}' } },
        { name: 'report', arguments: { content: '{{input.note}}' } },
        { name: 'report', arguments: { content: 'Second section.' } },
        { name: 'output', arguments: { note: '{{input.note}}' } },
      ],
    },
    { text: 'Done.' },
  ],
}

/** An actor whose agent writes its input everywhere. */
export function leavingActor(world: RunWorld): Promise<Actor> {
  world.models.registerScenario('leave-everything', leaveEverything)
  return world.actor('leave-everything', { tools: ['output', 'log', 'report', 'bash'] })
}

/** Uploads a file, and runs the agent on it to its end, both as the sender. */
export async function runOnFile(send: Send, agentId: string, mark: string) {
  const form = new FormData()
  form.set('file', new Blob([contentOf(mark)]), `${mark}.csv`)
  const file = await must(send, 'POST /api/files', { rawBody: form })
  const body = { agentId, input: { note: mark }, config: { note: mark }, metadata: { note: mark }, files: [file.id] }
  const run = await must(send, 'POST /api/runs', { body, headers: { prefer: 'wait=60' } })
  return { run, file, runId: String(run.id), fileId: String(file.id) }
}

/** The file that `runOnFile` uploads: larger than one encrypted chunk. */
export function contentOf(mark: string): string {
  return `${mark}\n`.repeat(20_000)
}

async function must(send: Send, route: string, options: SendOptions) {
  const answer = await send(route, options)
  if (answer.status >= 300) throw new Error(`${route} was answered ${answer.status}: ${answer.text}`)
  return answer.body
}
