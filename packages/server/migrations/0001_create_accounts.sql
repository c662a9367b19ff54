-- The auth library's own tables. Ids are text in wire form (usr_…), because the library answers with its rows as they are.
create table users (
  id text primary key,
  name text not null,
  email text not null unique,
  email_verified boolean not null default false,
  image text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

create table sessions (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  token text not null unique,
  expires_at timestamptz(3) not null,
  ip_address text,
  user_agent text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create index sessions_user on sessions (user_id);

create table accounts (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  account_id text not null,
  provider_id text not null,
  access_token text,
  refresh_token text,
  id_token text,
  access_token_expires_at timestamptz(3),
  refresh_token_expires_at timestamptz(3),
  scope text,
  password text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (provider_id, account_id)
);
create index accounts_user on accounts (user_id);

create table verifications (
  id text primary key,
  identifier text not null,
  value text not null,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create index verifications_identifier on verifications (identifier);

create table organizations (
  id uuid primary key,
  name text not null,
  slug text not null unique,
  api_version text,
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

create table organization_members (
  organization_id uuid not null references organizations (id) on delete cascade,
  user_id text not null references users (id) on delete cascade,
  role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
  joined_at timestamptz(3) not null default now(),
  primary key (organization_id, user_id)
);
create index organization_members_user on organization_members (user_id, organization_id);

create table applications (
  id uuid primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  name text not null,
  is_default boolean not null default false,
  settings jsonb not null default '{}',
  created_by text references users (id) on delete set null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (organization_id, id)
);
create unique index applications_default on applications (organization_id) where is_default;

create table api_keys (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  name text not null,
  key_hash bytea not null unique check (length(key_hash) = 32),
  key_prefix text not null,
  scopes text[] not null,
  created_by text not null references users (id) on delete cascade,
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade
);
create index api_keys_application on api_keys (application_id, id desc);
create index api_keys_creator on api_keys (created_by);

create table end_users (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  external_id text,
  email text,
  name text,
  metadata jsonb not null default '{}',
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (application_id, id),
  unique (application_id, external_id),
  unique (application_id, email),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade
);
