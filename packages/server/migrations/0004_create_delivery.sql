create table idempotency_keys (
  key_hash bytea primary key,
  body_hash bytea not null,
  -- In progress until a status is stored; after locked_until a crashed request's key can be taken again.
  locked_until timestamptz(3) not null,
  status integer,
  headers jsonb,
  body text,
  expires_at timestamptz(3) not null
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

create table audit_log (
  id uuid primary key,
  organization_id uuid references organizations (id) on delete cascade,
  application_id uuid,
  action text not null,
  actor jsonb not null,
  resource_id text,
  request_id text not null,
  method text not null,
  path text not null,
  ip text,
  user_agent text,
  changes jsonb,
  created_at timestamptz(3) not null default now()
);
create index audit_log_newest on audit_log (organization_id, id desc);
