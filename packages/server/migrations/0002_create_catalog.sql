create table provider_keys (
  id uuid primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  label text not null,
  api text not null,
  base_url text,
  encrypted_key text not null,
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (organization_id, id)
);
create index provider_keys_newest on provider_keys (organization_id, id desc);

create table models (
  id uuid primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  provider_key_id uuid not null,
  label text not null,
  model_id text not null,
  context_window integer check (context_window > 0),
  max_tokens integer check (max_tokens > 0),
  -- Decimal strings in USD per million tokens: {input, output, cacheRead, cacheWrite}; null takes the price table's row.
  cost jsonb,
  enabled boolean not null default true,
  is_default boolean not null default false,
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (organization_id, id),
  foreign key (organization_id, provider_key_id) references provider_keys (organization_id, id) on delete cascade
);
create unique index models_default on models (organization_id) where is_default;
create index models_newest on models (organization_id, id desc);
create index models_provider_key on models (provider_key_id);

create table packages (
  id uuid primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  scope text not null,
  name text not null,
  type text not null check (type in ('agent', 'skill', 'tool', 'provider')),
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  deleted_at timestamptz(3),
  unique (organization_id, id)
);
create unique index packages_name on packages (organization_id, scope, name) where deleted_at is null;

-- A version never changes after its insert.
create table package_versions (
  id uuid primary key,
  organization_id uuid not null,
  package_id uuid not null,
  version text not null,
  manifest jsonb not null,
  prompt text not null,
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  unique (package_id, version),
  unique (package_id, id),
  foreign key (organization_id, package_id) references packages (organization_id, id) on delete cascade
);
create index package_versions_newest on package_versions (package_id, id desc);

-- A package installed in an application. For a package of type agent, this row is the agent (agent_…).
create table application_packages (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  package_id uuid not null,
  version_id uuid not null,
  model_id uuid,
  enabled boolean not null default true,
  installed_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  removed_at timestamptz(3),
  unique (application_id, id),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
  foreign key (organization_id, package_id) references packages (organization_id, id) on delete cascade,
  foreign key (package_id, version_id) references package_versions (package_id, id),
  foreign key (organization_id, model_id) references models (organization_id, id) on delete set null (model_id)
);
create unique index application_packages_installed on application_packages (application_id, package_id) where removed_at is null;
create index application_packages_newest on application_packages (application_id, id desc) where removed_at is null;
create index application_packages_package on application_packages (package_id) where removed_at is null;
create index application_packages_model on application_packages (model_id) where model_id is not null;
