-- without transaction
-- Users who administer the instance. They belong to no organization: the role of requests within one sees none of these rows.
create table if not exists administrators (
  user_id text primary key references users (id) on delete cascade,
  -- Null: granted by the first run or by the command.
  granted_by text references users (id) on delete set null,
  granted_at timestamptz(3) not null default now()
);
alter table administrators enable row level security;

create table if not exists user_suspensions (
  user_id text primary key references users (id) on delete cascade,
  reason text not null,
  suspended_by text references users (id) on delete set null,
  suspended_at timestamptz(3) not null default now()
);
alter table user_suspensions enable row level security;

create table if not exists organization_suspensions (
  organization_id uuid primary key references organizations (id) on delete cascade,
  reason text not null,
  suspended_by text references users (id) on delete set null,
  suspended_at timestamptz(3) not null default now()
);
alter table organization_suspensions enable row level security;
drop policy if exists of_organization on organization_suspensions;
create policy of_organization on organization_suspensions for select using (organization_id = (select acting_organization()));

-- Refuses a session that is opened while its user is being suspended. The session's foreign key waits for that transaction, which
-- locks the user; this trigger fires after it and sees the suspension. One line, because a statement of this file ends with its line.
create or replace function refuse_sessions_of_suspended_users() returns trigger language plpgsql as $$ begin if exists (select from user_suspensions where user_id in (select user_id from inserted)) then raise exception 'The user is suspended.' using errcode = 'TD003'; end if; return null; end $$;
drop trigger if exists refuse_sessions_of_suspended_users on sessions;
create trigger refuse_sessions_of_suspended_users after insert on sessions referencing new table as inserted
  for each statement execute function refuse_sessions_of_suspended_users();

-- The list of all users, newest first.
drop index concurrently if exists users_newest;
create index concurrently users_newest on users (created_at desc, id desc);
-- Searches of administrators: by the beginning of a name, an address or a slug.
drop index concurrently if exists users_by_email_prefix;
create index concurrently users_by_email_prefix on users (email text_pattern_ops);
drop index concurrently if exists users_by_name_prefix;
create index concurrently users_by_name_prefix on users (lower(name) text_pattern_ops);
drop index concurrently if exists organizations_by_slug_prefix;
create index concurrently organizations_by_slug_prefix on organizations (slug text_pattern_ops);
drop index concurrently if exists organizations_by_name_prefix;
create index concurrently organizations_by_name_prefix on organizations (lower(name) text_pattern_ops);

-- A closed instance asks for the invitations of an address, of any organization.
drop index concurrently if exists invitations_of_address;
create index concurrently invitations_of_address on invitations (email) where status = 'pending';
