/** What an erasure did, in numbers: it is kept, so it says nothing about whom it was. */
export interface ErasureReport {
  readonly runs: { readonly anonymised: number; readonly cancelled: number }
  readonly runEvents: { readonly deleted: number }
  readonly files: { readonly deleted: number; readonly bytes: number }
  readonly schedules: { readonly deleted: number }
  readonly notifications: { readonly deleted: number }
  readonly webhookEvents: { readonly deleted: number }
  readonly connections: { readonly deleted: number }
  readonly dataKey: 'destroyed'
}

export interface Erasure {
  readonly endUserId: string
  readonly erasedAt: Date
  readonly report: ErasureReport
}
