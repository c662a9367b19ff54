import type { IncomingMessage } from 'node:http'
import { anthropicMessages } from './protocols/anthropic-messages.ts'
import { googleGenerate } from './protocols/google-generate.ts'
import { openAiChat } from './protocols/openai-chat.ts'
import type { Protocol } from './protocols/protocol.ts'

export interface Route {
  readonly protocol: Protocol
  readonly what: 'answer' | 'models' | 'nothing'
  /** Model and mode, in protocols that encode them in the path. */
  readonly inPath: { readonly modelId: string; readonly stream: boolean }
}

const noPath = { modelId: '', stream: false }

/** Finds the operation of a request. The version prefix is optional, so both kinds of base URL work. */
export function findRoute(request: IncomingMessage): Route {
  const path = (request.url ?? '/').replace(/\?.*$/s, '').replace(/^\/v1(beta)?(?=\/)/, '')
  const protocol = protocolOf(request, path)
  const method = request.method ?? ''
  if (method === 'GET' && path === '/models') return { protocol, what: 'models', inPath: noPath }
  if (method !== 'POST') return { protocol, what: 'nothing', inPath: noPath }
  if (path === '/chat/completions' || path === '/messages') return { protocol, what: 'answer', inPath: noPath }
  const [, modelId, verb] = /^\/models\/(.+):(generateContent|streamGenerateContent)$/.exec(path) ?? []
  if (modelId === undefined) return { protocol, what: 'nothing', inPath: noPath }
  return { protocol, what: 'answer', inPath: { modelId: decoded(modelId), stream: verb === 'streamGenerateContent' } }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function protocolOf(request: IncomingMessage, path: string): Protocol {
  if (path === '/messages' || 'anthropic-version' in request.headers) return anthropicMessages
  return path.startsWith('/models/') || 'x-goog-api-key' in request.headers ? googleGenerate : openAiChat
}

/** The API key of a request, from any of the three headers. */
export function sentKey(request: IncomingMessage): string | undefined {
  const { authorization, 'x-api-key': anthropic, 'x-goog-api-key': google } = request.headers
  return /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? [anthropic, google].flat().find((key) => key !== undefined)
}
