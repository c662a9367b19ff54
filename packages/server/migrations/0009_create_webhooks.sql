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
  -- What receivers verify ed25519 signatures with.
  public_key text,
  -- After a rotation both secrets sign, until this time.
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
  check ((signing = 'ed25519') = (public_key is not null)),
  check ((encrypted_previous_secret is null) = (previous_expires_at is null)),
  check (enabled = (disabled_reason is null) and enabled = (disabled_at is null)),
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
create index webhook_events_of_run on webhook_events (webhook_id, run_id, id) where run_id is not null;
create index webhook_events_age on webhook_events (created_at);

-- One row per attempt. Of a run's events that wait for a webhook only the oldest is `ready`, scheduled or claimed; the others are parked.
create table webhook_deliveries (
  id uuid primary key,
  application_id uuid not null,
  webhook_id uuid not null,
  event_id uuid not null,
  event_type text not null,
  run_id uuid,
  -- The event's place among those of its run.
  position bigint not null default 0,
  attempt integer not null check (attempt > 0),
  -- Which retry of its series it is; a redelivery begins a series of its own.
  retry integer not null default 0 check (retry >= 0),
  status text not null default 'pending' check (status in ('pending', 'success', 'failed')),
  -- Null while it is parked.
  due_at timestamptz(3) default now(),
  -- Due, and held by nobody.
  ready boolean not null default false,
  -- Who sends it, and until when others leave it alone. Only the claim's result is taken.
  claim uuid,
  claimed_until timestamptz(3),
  -- The last attempt of an event that was not delivered.
  gave_up boolean not null default false,
  request jsonb,
  response jsonb,
  status_code integer,
  latency_ms integer,
  error text,
  created_at timestamptz(3) not null default now(),
  completed_at timestamptz(3),
  check (not ready or (status = 'pending' and due_at is not null and claim is null)),
  check ((claim is null) = (claimed_until is null)),
  foreign key (application_id, webhook_id) references webhooks (application_id, id) on delete cascade,
  foreign key (webhook_id, event_id) references webhook_events (webhook_id, id) on delete cascade
);
create index webhook_deliveries_newest on webhook_deliveries (webhook_id, id desc);
create index webhook_deliveries_of_status on webhook_deliveries (webhook_id, status, id desc);
create index webhook_deliveries_of_type on webhook_deliveries (webhook_id, event_type, id desc);
create index webhook_deliveries_of_event on webhook_deliveries (event_id, attempt);
create unique index webhook_deliveries_pending on webhook_deliveries (event_id) where status = 'pending';
create index webhook_deliveries_ready on webhook_deliveries (webhook_id, due_at, id) where ready;
create index webhook_deliveries_timer on webhook_deliveries ((coalesce(claimed_until, due_at))) where status = 'pending' and not ready and due_at is not null;
create index webhook_deliveries_of_run on webhook_deliveries (webhook_id, run_id, position) where status = 'pending' and run_id is not null;
create index webhook_deliveries_given_up on webhook_deliveries (webhook_id, event_id) where gave_up;
-- What a webhook left behind when it was disabled is found by when that was.
create index webhooks_disabled on webhooks (disabled_at) where disabled_at is not null;
