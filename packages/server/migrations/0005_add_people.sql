create table invitations (
  id uuid primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  email text not null check (email = lower(email)),
  role text not null check (role in ('admin', 'member', 'viewer')),
  token_hash bytea not null unique check (length(token_hash) = 32),
  -- The same token under the key ring, where no mail carried it and the link is shown to those who may invite;
  -- null: only the mailbox has it, so whoever accepts has proved the address.
  encrypted_token text,
  status text not null default 'pending' check (status in ('pending', 'accepted', 'cancelled')),
  invited_by text references users (id) on delete set null,
  accepted_by text references users (id) on delete set null,
  sent_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create unique index invitations_pending on invitations (organization_id, email) where status = 'pending';
create index invitations_newest on invitations (organization_id, id desc);

create index organization_members_newest on organization_members (organization_id, joined_at desc, user_id desc);
create unique index organization_members_owner on organization_members (organization_id) where role = 'owner';

-- What a person chose for themselves; null takes the default.
alter table users add column language text;
alter table users add column two_factor_enabled boolean default false;

-- The auth library's own tables for its second factors.
create table two_factors (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  secret text not null,
  backup_codes text not null,
  verified boolean default true,
  failed_verification_count integer default 0,
  locked_until timestamptz(3)
);
create index two_factors_user on two_factors (user_id);
create index two_factors_secret on two_factors (secret);

create table passkeys (
  id text primary key,
  user_id text not null references users (id) on delete cascade,
  name text,
  public_key text not null,
  credential_id text not null unique,
  counter integer not null,
  device_type text not null,
  backed_up boolean not null,
  transports text,
  aaguid text,
  created_at timestamptz(3) default now()
);
create index passkeys_user on passkeys (user_id);

-- What has expired is deleted by a job.
create index sessions_expiry on sessions (expires_at);
create index verifications_expiry on verifications (expires_at);

-- A rotated key's former secret works until the overlap ends.
alter table api_keys add column previous_key_hash bytea unique check (length(previous_key_hash) = 32);
alter table api_keys add column previous_expires_at timestamptz(3);
alter table api_keys add column rotated_at timestamptz(3);
