import pg from 'pg'

/** The options with changes. A plain copy would lack the password, which a pool makes invisible to copies. */
export function changeOptions(options: pg.ClientConfig, changes: pg.ClientConfig): pg.ClientConfig {
  const { password } = options
  return { ...options, ...(password === undefined ? {} : { password }), ...changes }
}

/** A connection outside of a pool, to the same database and as the same user. The caller opens and closes it. */
export function clientOfPool(options: pg.ClientConfig, changes: pg.ClientConfig): pg.Client {
  const client = new pg.Client(changeOptions(options, changes))
  // Without a listener, a connection that breaks between two statements would end the process.
  client.on('error', () => undefined)
  return client
}
