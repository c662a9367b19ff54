create table schedules (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  agent_id uuid not null,
  -- On whose behalf it runs: an end-user, or the user who made it with a session; neither for a key's own.
  end_user_id uuid,
  user_id text references users (id) on delete set null,
  name text,
  enabled boolean not null default true,
  cron text not null,
  timezone text not null,
  input jsonb not null default '{}',
  config jsonb not null default '{}',
  model_id uuid,
  version text,
  budget_usd numeric(20, 10) check (budget_usd > 0),
  missed_fires text not null check (missed_fires in ('skip', 'run-once', 'run-all')),
  overlap text not null check (overlap in ('allow', 'skip', 'queue', 'cancel-previous')),
  jitter_seconds integer not null default 0 check (jitter_seconds between 0 and 3600),
  -- The next nominal fire, and when the schedule is to be looked at: the fire's time with its jitter. Null while it is disabled.
  next_run_at timestamptz(3),
  due_at timestamptz(3),
  last_run_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (application_id, id),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
  foreign key (application_id, agent_id) references application_packages (application_id, id) on delete cascade,
  foreign key (application_id, end_user_id) references end_users (application_id, id) on delete cascade,
  foreign key (organization_id, model_id) references models (organization_id, id) on delete set null (model_id)
);
create index schedules_due on schedules (due_at) where due_at is not null;
create index schedules_newest on schedules (application_id, id desc);
create index schedules_of_agent on schedules (agent_id, id desc);
create index schedules_of_end_user on schedules (end_user_id) where end_user_id is not null;
create index schedules_of_user on schedules (user_id) where user_id is not null;
create index schedules_of_model on schedules (model_id) where model_id is not null;

alter table runs add column schedule_id uuid;
-- The nominal time of the fire; null for a fire that was asked for by hand.
alter table runs add column scheduled_for timestamptz(3);
alter table runs add foreign key (application_id, schedule_id) references schedules (application_id, id) on delete set null (schedule_id);
create index runs_of_schedule on runs (schedule_id, id desc) where schedule_id is not null;
create index runs_unfinished_of_schedule on runs (schedule_id) where schedule_id is not null and status in ('pending', 'running', 'waiting');
-- The database's own promise that a fire has at most one run.
create unique index runs_of_fire on runs (schedule_id, scheduled_for) where scheduled_for is not null;

-- One row per nominal fire: what became of it.
create table schedule_fires (
  application_id uuid not null,
  schedule_id uuid not null,
  scheduled_for timestamptz(3) not null,
  -- The last of several missed fires that the row stands for; null: it stands for one.
  through timestamptz(3) check (through > scheduled_for),
  outcome text not null check (outcome in ('started', 'queued', 'failed', 'skipped-overlap', 'skipped-missed', 'skipped-disabled')),
  run_id uuid,
  fired_at timestamptz(3) not null default now(),
  primary key (schedule_id, scheduled_for),
  foreign key (application_id, schedule_id) references schedules (application_id, id) on delete cascade
);
-- At most one fire of a schedule waits for the run before it.
create unique index schedule_fires_queued on schedule_fires (schedule_id) where outcome = 'queued';
create index schedule_fires_age on schedule_fires (fired_at);

-- A run that could not start has no model.
alter table runs alter column model drop not null;
