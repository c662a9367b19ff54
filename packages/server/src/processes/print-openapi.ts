import { features } from '../features/index.ts'
import { buildDocument } from '../platform/http/openapi/docs.ts'

// Prints the OpenAPI document; needs no database, no configuration and no port.
process.stdout.write(`${JSON.stringify(await buildDocument(features), null, 2)}\n`)
