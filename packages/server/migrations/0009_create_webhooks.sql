-- What happened, written with the change that it reports, until the relay has handed it on.
create table outbox (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  application_id uuid not null,
  run_id uuid,
  agent_id uuid,
  end_user_id uuid,
  type text not null,
  -- The run as its readers see it, in its newest shape.
  payload jsonb not null,
  created_at timestamptz(3) not null default now(),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade
);

create table webhooks (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  url text not null,
  description text,
  events text[] not null check (cardinality(events) > 0),
  -- Only this agent's runs; null for every agent's.
  agent_id uuid,
  payload_mode text not null default 'full' check (payload_mode in ('full', 'summary')),
  -- The version its payloads are written in.
  api_version text not null,
  signing text not null default 'hmac' check (signing in ('hmac', 'ed25519')),
  encrypted_secret text not null,
  encrypted_previous_secret text,
  previous_expires_at timestamptz(3),
  enabled boolean not null default true,
  disabled_reason text check (disabled_reason in ('user', 'gone', 'failing')),
  disabled_at timestamptz(3),
  -- The first failure since the last success.
  failing_since timestamptz(3),
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (application_id, id),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
  foreign key (application_id, agent_id) references application_packages (application_id, id) on delete cascade
);
create index webhooks_newest on webhooks (application_id, id desc);
create index webhooks_of_agent on webhooks (agent_id) where agent_id is not null;

-- One event for one webhook: what its receiver is told, however many attempts it takes.
create table webhook_events (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  webhook_id uuid not null,
  type text not null,
  run_id uuid,
  end_user_id uuid,
  -- Orders the events of a run.
  outbox_id bigint,
  payload jsonb not null,
  created_at timestamptz(3) not null default now(),
  unique (webhook_id, id),
  foreign key (application_id, webhook_id) references webhooks (application_id, id) on delete cascade
);
create unique index webhook_events_once on webhook_events (webhook_id, outbox_id) where outbox_id is not null;
create index webhook_events_of_end_user on webhook_events (end_user_id) where end_user_id is not null;
create index webhook_events_age on webhook_events (created_at);

-- One row per attempt.
create table webhook_deliveries (
  id uuid primary key,
  application_id uuid not null,
  webhook_id uuid not null,
  event_id uuid not null,
  run_id uuid,
  attempt integer not null check (attempt > 0),
  status text not null default 'pending' check (status in ('pending', 'success', 'failed')),
  due_at timestamptz(3) not null default now(),
  -- The sender's lease; after it another may send.
  claimed_until timestamptz(3),
  request jsonb,
  response jsonb,
  status_code integer,
  latency_ms integer,
  error text,
  created_at timestamptz(3) not null default now(),
  completed_at timestamptz(3),
  foreign key (application_id, webhook_id) references webhooks (application_id, id) on delete cascade,
  foreign key (webhook_id, event_id) references webhook_events (webhook_id, id) on delete cascade
);
create index webhook_deliveries_newest on webhook_deliveries (webhook_id, id desc);
create index webhook_deliveries_of_event on webhook_deliveries (event_id, id);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at, id) where status = 'pending';
create index webhook_deliveries_of_run on webhook_deliveries (webhook_id, run_id, id) where status = 'pending' and run_id is not null;
