-- A deleted application or organization is marked at once. A job then removes its rows in small batches, and the marked row last.
alter table applications add column deleted_at timestamptz(3);
alter table organizations add column deleted_at timestamptz(3);
create index applications_deleted on applications (id) where deleted_at is not null;
create index organizations_deleted on organizations (id) where deleted_at is not null;

-- The slug of a deleted organization is never given again, because packages are named by it. It has no tenant: everybody may read and add one.
create table retired_slugs (
  slug text primary key,
  retired_at timestamptz(3) not null default now()
);
alter table retired_slugs enable row level security;
create policy read_by_everyone on retired_slugs for select using (true);
create policy added_by_everyone on retired_slugs for insert with check (true);

-- Batches find the rows of an application through these.
create index run_inputs_application on run_inputs (application_id);
create index end_user_keys_application on end_user_keys (application_id);

-- Refuse new rows of a deleted tenant, whoever inserts them. The foreign key of the row waits for a transaction that is marking the
-- tenant; this trigger fires after it and sees the mark. Each boot creates the triggers of new tables (see tenant-guards.ts).
create function refuse_rows_of_deleted_applications() returns trigger language plpgsql as $$
begin
  if exists (select from applications where deleted_at is not null and id in (select application_id from inserted)) then
    raise exception 'The application was deleted.' using errcode = 'TD001';
  end if;
  return null;
end $$;

create function refuse_rows_of_deleted_organizations() returns trigger language plpgsql as $$
begin
  if exists (select from organizations where deleted_at is not null and id in (select organization_id from inserted)) then
    raise exception 'The organization was deleted.' using errcode = 'TD002';
  end if;
  return null;
end $$;
