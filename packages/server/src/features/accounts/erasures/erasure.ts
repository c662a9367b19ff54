export interface Erasure {
  readonly endUserId: string
  readonly erasedAt: Date
  /** What the erasure did, in numbers, by feature. It is kept, so it says nothing that identifies the end-user. */
  readonly report: Readonly<Record<string, unknown>>
}
