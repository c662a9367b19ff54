-- How much of each counted quota an organization uses. Only the triggers below write it. A statement of a tenant locks its organization's row
-- of the quota until its transaction ends, so a transaction that adds a row and then reads the count knows whether the row was the last allowed one.
-- Without a foreign key to the organization: rows of deleted organizations are still counted down.
create table quota_counts (
  organization_id uuid not null,
  quota text not null,
  used bigint not null,
  primary key (organization_id, quota)
);
alter table quota_counts enable row level security;
create policy read_by_organization on quota_counts for select using (organization_id = (select acting_organization()));

-- Limits that differ from the operator's defaults, by quota; null is unlimited.
create table quota_overrides (
  organization_id uuid primary key references organizations (id) on delete cascade,
  limits jsonb not null,
  updated_at timestamptz(3) not null default now()
);
alter table quota_overrides enable row level security;
create policy read_by_organization on quota_overrides for select using (organization_id = (select acting_organization()));

-- Adds what a statement changed to the counts. Its arguments are pairs: a quota, and an expression over the row for what the row counts.
-- Acts as the owner, because requests act as a role that can only read the counts.
create function count_for_quotas() returns trigger language plpgsql security definer set search_path from current as $$
declare
  added constant text := 'select organization_id, (%1$s)::bigint as amount from inserted';
  taken constant text := 'select organization_id, -(%1$s)::bigint from deleted';
  changed constant text := case tg_op when 'INSERT' then added when 'DELETE' then taken else added || ' union all ' || taken end;
begin
  for i in 0 .. tg_nargs - 1 by 2 loop
    -- A row is only created by an addition: each organization with rows has one, and a deleted organization gets none.
    execute format(
      'with changes as (
        select organization_id, sum(amount)::bigint as amount from (' || changed || ') as c(organization_id, amount)
        group by organization_id having sum(amount) <> 0
      ), removals as (
        update quota_counts q set used = q.used + c.amount from changes c
        where q.organization_id = c.organization_id and q.quota = %2$L and c.amount < 0
      )
      insert into quota_counts as q (organization_id, quota, used)
      select organization_id, %2$L, amount from changes where amount > 0 order by organization_id
      on conflict (organization_id, quota) do update set used = q.used + excluded.used',
      tg_argv[i + 1], tg_argv[i]);
  end loop;
  return null;
end $$;

-- Statements count, not rows: a batch of 500 deletions changes each count once. Only some tables have updates that change what a row counts.
do $$
declare
  counted record;
  arguments text;
begin
  for counted in
    select * from (values
      ('files', array['files', '1', 'storedBytes', 'size_bytes'], true),
      ('schedules', array['schedules', '1'], false),
      ('api_keys', array['apiKeys', '(revoked_at is null)::int'], true),
      ('end_users', array['endUsers', '1'], false),
      ('packages', array['agents', '(type = ''agent'' and deleted_at is null)::int'], true),
      ('applications', array['applications', '(deleted_at is null)::int'], true),
      ('webhooks', array['webhooks', '1'], false),
      ('organization_members', array['members', '1'], false),
      ('invitations', array['members', '(status = ''pending'')::int'], true)
    ) as c (name, quotas, has_updates)
  loop
    arguments := (select string_agg(quote_literal(a), ', ') from unnest(counted.quotas) a);
    execute format(
      'create trigger count_inserted after insert on %I referencing new table as inserted
        for each statement execute function count_for_quotas(%s)', counted.name, arguments);
    execute format(
      'create trigger count_deleted after delete on %I referencing old table as deleted
        for each statement execute function count_for_quotas(%s)', counted.name, arguments);
    if counted.has_updates then
      execute format(
        'create trigger count_updated after update on %I referencing old table as deleted new table as inserted
          for each statement execute function count_for_quotas(%s)', counted.name, arguments);
    end if;
  end loop;
end $$;

-- Every organization has a row of each quota from now on, so that deletions before the next file are counted too.
insert into quota_counts (organization_id, quota, used)
select id, quota, 0 from organizations
cross join unnest(array['files', 'storedBytes', 'schedules', 'apiKeys', 'endUsers', 'agents', 'applications', 'webhooks', 'members']) as quota;

-- The limits that an owner has set for a key, by class of requests, per minute.
alter table api_keys add column limits jsonb not null default '{}';

-- The nominal time of the fire that waits because the organization may not start more runs now.
alter table schedules add column held_for timestamptz(3);
