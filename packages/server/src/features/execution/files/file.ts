/** A file as it is stored; its content is the blob with the same id. `unsealFiles` decrypts an end-user's file. */
export interface StoredFile {
  readonly id: string
  readonly applicationId: string
  readonly endUserId: string | null
  /** The run that made it; null for an upload. */
  readonly runId: string | null
  readonly name: string
  readonly sizeBytes: number
  readonly contentType: string
  /** Hash of the unencrypted content. */
  readonly sha256: Buffer
  /** Salt of the key that encrypts the bytes; null when they are not encrypted. */
  readonly salt: Buffer | null
  readonly createdAt: Date
}

/** The fields that are needed to find a file's bytes and their encryption key. */
export type StoredContent = Pick<StoredFile, 'id' | 'applicationId' | 'endUserId' | 'salt' | 'sizeBytes'>

/** The fields that are needed to read a file's bytes. */
export interface ReadableContent {
  readonly id: string
  readonly sizeBytes: number
  /** Undefined when the bytes are not encrypted. */
  readonly key: Buffer | undefined
}

/** A file whose name and content can be read. */
export type ReadableFile = StoredFile & ReadableContent

/** A file to insert, with its name in stored form. */
export type NewFile = Omit<StoredFile, 'createdAt' | 'applicationId' | 'endUserId'>
