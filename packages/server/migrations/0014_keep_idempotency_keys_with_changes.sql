-- Stores the reply of a change under the request's key, in the transaction of the change. Requests act as a role that cannot
-- reach the table, because its rows name no organization: this function is all that they can do to it.
-- Returns true, or null if another request has finished the key or holds it for another body.
create function finish_idempotency_key(
  key bytea, body bytea, ttl_ms double precision, reply_status integer, reply_headers jsonb, reply_body text
) returns boolean language sql security definer set search_path from current as $$
  insert into idempotency_keys as held (key_hash, body_hash, locked_until, expires_at, status, headers, body)
  values (key, body, now(), now() + ttl_ms * interval '1 ms', reply_status, reply_headers, reply_body)
  on conflict (key_hash) do update
    set body_hash = excluded.body_hash, locked_until = excluded.locked_until, expires_at = excluded.expires_at,
        status = excluded.status, headers = excluded.headers, body = excluded.body
    where held.expires_at < now() or (held.status is null and held.body_hash = excluded.body_hash)
  returning true
$$;
