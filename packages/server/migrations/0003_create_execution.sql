-- One row per living worker process; a run's lease is its worker's lease, so a heartbeat is one update per worker, not per run.
create table workers (
  id uuid primary key,
  started_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null
);

create table runs (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  agent_id uuid not null,
  -- `@scope/name` when the run was created.
  agent_name text not null,
  package_id uuid not null,
  package_version_id uuid not null,
  version text not null,
  end_user_id uuid,
  user_id text references users (id) on delete set null,
  api_key_id uuid references api_keys (id) on delete set null,
  status text not null default 'pending' check (status in ('pending', 'running', 'waiting', 'success', 'failed', 'timeout', 'cancelled')),
  -- The fencing token: every write of a worker says `where attempt = mine`.
  attempt integer not null default 0,
  worker_id uuid,
  input jsonb not null default '{}',
  config jsonb not null default '{}',
  metadata jsonb not null default '{}',
  budget_usd numeric(20, 10) check (budget_usd > 0),
  model_id uuid,
  -- What the run was started with: {api, baseUrl, modelId, label, contextWindow, maxTokens, price}; never a key.
  model jsonb not null,
  timeout_ms integer not null check (timeout_ms > 0),
  output jsonb,
  report text,
  error jsonb,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cache_read_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  cost_usd numeric(20, 10) not null default 0,
  last_seq bigint not null default 0,
  cancel_requested_at timestamptz(3),
  idempotency_key_hash bytea,
  idempotency_body_hash bytea,
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  completed_at timestamptz(3),
  unique (application_id, id),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
  foreign key (application_id, agent_id) references application_packages (application_id, id) on delete cascade,
  foreign key (package_id, package_version_id) references package_versions (package_id, id),
  foreign key (application_id, end_user_id) references end_users (application_id, id) on delete set null (end_user_id)
) with (fillfactor = 70);
create unique index runs_idempotency on runs (application_id, idempotency_key_hash) where idempotency_key_hash is not null;
create index runs_newest on runs (application_id, id desc);
create index runs_of_agent on runs (agent_id, id desc);
create index runs_unfinished on runs (agent_id) where status in ('pending', 'running', 'waiting');
create index runs_of_status on runs (application_id, status, id desc);
create index runs_of_end_user on runs (application_id, end_user_id, id desc) where end_user_id is not null;
create index runs_pending on runs (organization_id, id) where status = 'pending';
create index runs_active on runs (organization_id, worker_id) where status = 'running';
create index runs_of_worker on runs (worker_id) where status = 'running';
create index runs_api_key on runs (api_key_id) where api_key_id is not null;

-- The journal. Append-only; `seq` is gap-free per run, `(transaction, position)` orders an application's events across runs.
create table run_events (
  run_id uuid not null,
  seq bigint not null,
  id uuid not null,
  organization_id uuid not null,
  application_id uuid not null,
  agent_id uuid not null,
  end_user_id uuid,
  transaction xid8 not null default pg_current_xact_id(),
  position bigint not null generated always as identity,
  kind text not null check (kind in ('run_update', 'run_log')),
  type text not null,
  level text not null,
  event text not null,
  message text,
  data jsonb,
  -- What a resume needs and no reader asks for: the model's whole answer, a tool's whole result.
  journal jsonb,
  created_at timestamptz(3) not null default now(),
  primary key (run_id, seq),
  foreign key (application_id, run_id) references runs (application_id, id) on delete cascade
);
create index run_events_of_application on run_events (application_id, transaction, position);
create index run_events_of_agent on run_events (agent_id, transaction, position);

create table files (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  end_user_id uuid,
  -- The run that made the file; null for an upload.
  run_id uuid,
  -- Path below /workspace/output for a run's file; the uploaded name otherwise.
  name text not null,
  size_bytes bigint not null,
  content_type text not null,
  sha256 bytea not null check (length(sha256) = 32),
  created_at timestamptz(3) not null default now(),
  unique (application_id, id),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
  foreign key (application_id, run_id) references runs (application_id, id) on delete cascade,
  foreign key (application_id, end_user_id) references end_users (application_id, id) on delete cascade
);
create index files_newest on files (application_id, id desc);
create unique index files_of_run on files (run_id, name) where run_id is not null;
create index files_of_end_user on files (end_user_id) where end_user_id is not null;

create table run_inputs (
  application_id uuid not null,
  run_id uuid not null,
  file_id uuid not null,
  -- The name under /workspace/input.
  name text not null,
  primary key (run_id, file_id),
  foreign key (application_id, run_id) references runs (application_id, id) on delete cascade,
  foreign key (application_id, file_id) references files (application_id, id) on delete cascade
);
create index run_inputs_file on run_inputs (file_id);
