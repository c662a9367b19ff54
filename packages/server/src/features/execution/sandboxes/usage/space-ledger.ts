/** How much the sandboxes of this process have added to a file system, as far as it was measured. */
export class SpaceLedger {
  #grownBytes = 0

  /** The bytes that all executions have added since the start of the process, less what they have removed. */
  get grownBytes(): number {
    return this.#grownBytes
  }

  add(bytes: number): void {
    this.#grownBytes += bytes
  }
}

/** The workspaces of a process are on one file system. */
export const workspaceLedger = new SpaceLedger()
