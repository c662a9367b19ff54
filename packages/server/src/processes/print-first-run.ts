import { features } from '../features/index.ts'
import { firstRunLines, firstRunPath, readFirstRun } from '../features/instance/setup/index.ts'
import { parseConfig } from '../platform/config/config.ts'
import { explain, giveUp } from './boot.ts'

// Prints the credentials of the first run, and commands to try. The server only prints them on a terminal.
try {
  const path = firstRunPath(parseConfig(process.env, features).DATA_DIR)
  const firstRun = await readFirstRun(path)
  if (firstRun === undefined) giveUp([`There was no first run in this data directory: ${path} does not exist.`])
  console.log(firstRunLines(firstRun, path))
} catch (error) {
  giveUp(explain(error))
}
