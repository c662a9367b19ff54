import { socketPort } from './socket-directory.ts'

// Tuned for one server process on a small machine. fsync stays on, because the database must not lose commits.
const tuning = {
  fsync: 'on',
  shared_buffers: '64MB',
  max_connections: '60',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '32MB',
  max_wal_size: '256MB',
  jit: 'off',
  huge_pages: 'off',
  // No background processes for reads and replication, to save idle memory.
  io_method: 'sync',
  max_logical_replication_workers: '0',
  // Parallel queries need /dev/shm, which containers keep small.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  timezone: 'UTC',
}

export interface ServerSettings {
  readonly socketDir: string
  /** The file with the access rules. */
  readonly rulesFile: string
  readonly overrides: Readonly<Record<string, string>>
}

/** The `-c` arguments: the tuning, then `overrides`, then settings that no override may change. */
export function serverArguments({ socketDir, rulesFile, overrides }: ServerSettings): string[] {
  const fixed = {
    listen_addresses: '',
    port: String(socketPort),
    unix_socket_directories: socketDir,
    unix_socket_permissions: '0700',
    hba_file: rulesFile,
    password_encryption: 'scram-sha-256',
    logging_collector: 'off',
    log_destination: 'stderr',
    // The format that server-log.ts reads. Terse and without statements, to keep user data out of the log.
    log_line_prefix: '%e ',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    lc_messages: 'C',
  }
  return Object.entries({ ...tuning, ...overrides, ...fixed }).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
