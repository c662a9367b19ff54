-- The second wall between tenants. Requests act as a role that owns nothing, and for which an organization's rows are all there are;
-- the server itself owns the tables and sees all rows. The first wall is that every statement names its tenant.
create function acting_organization() returns uuid language sql stable
  return nullif(current_setting('appstrate.organization_id', true), '')::uuid;

do $$
declare
  walled text;
begin
  foreach walled in array array[
    'organization_members', 'applications', 'api_keys', 'end_users', 'invitations', 'provider_keys', 'models', 'packages', 'package_versions',
    'application_packages', 'runs', 'run_events', 'files', 'audit_chains', 'erasures', 'schedules', 'outbox', 'webhooks', 'webhook_events', 'notifications'
  ] loop
    execute format('alter table %I enable row level security', walled);
    execute format('create policy of_organization on %I using (organization_id = (select acting_organization()))', walled);
  end loop;
  -- What belongs to an application follows that application.
  foreach walled in array array['run_inputs', 'end_user_keys', 'schedule_fires', 'webhook_deliveries', 'notification_marks'] loop
    execute format('alter table %I enable row level security', walled);
    execute format('create policy of_application on %I using (application_id in (select id from applications))', walled);
  end loop;
end $$;

alter table organizations enable row level security;
create policy of_organization on organizations using (id = (select acting_organization()));

alter table notification_reads enable row level security;
create policy of_notification on notification_reads using (exists (select from notifications where notifications.id = notification_id));

-- What is said of no organization can be written from one, and read in none.
alter table audit_log enable row level security;
create policy of_organization on audit_log using (organization_id = (select acting_organization()))
  with check (organization_id is null or organization_id = (select acting_organization()));

-- Row-level security keeps expressions that could tell of others' rows out of index conditions; plain columns may stay.
alter table audit_log add column noun text not null generated always as (split_part(action, '.', 1)) stored;
alter table audit_log add column actor_id text generated always as (coalesce(actor ->> 'apiKeyId', actor ->> 'userId', actor ->> 'kind')) stored;
alter table audit_log add column acting_for text generated always as (actor ->> 'endUserId') stored;
drop index audit_log_of_noun, audit_log_of_actor, audit_log_of_end_user;
create index audit_log_of_noun on audit_log (organization_id, noun, id);
create index audit_log_of_actor on audit_log (organization_id, actor_id, id);
create index audit_log_of_end_user on audit_log (organization_id, acting_for, id) where acting_for is not null;
