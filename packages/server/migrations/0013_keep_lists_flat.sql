-- What lists show of a manifest, so that they read no manifests.
alter table package_versions add column display_name text generated always as (manifest ->> 'displayName') stored;
alter table package_versions add column description text generated always as (manifest ->> 'description') stored;
alter table package_versions add column tools jsonb generated always as (manifest #> '{dependencies,tools}') stored;
alter table package_versions add column timeout_seconds double precision generated always as (
  case when jsonb_typeof(manifest -> 'timeout') = 'number' then (manifest -> 'timeout')::double precision end) stored;

-- Each list and filter of runs reads a part of one index, in the list's order, and looks at rows only to show them. A column that a
-- statement only checks is included, among them the organization, which row-level security checks.
drop index runs_newest, runs_of_agent, runs_of_status, runs_of_end_user, runs_of_schedule;
create index runs_newest on runs (application_id, id desc) include (organization_id);
create index runs_of_status on runs (application_id, status, id desc) include (organization_id);
create index runs_of_agent on runs (agent_id, id desc) include (organization_id, application_id);
create index runs_of_agent_status on runs (agent_id, status, id desc) include (organization_id, application_id);
create index runs_of_schedule on runs (schedule_id, id desc) include (organization_id, application_id) where schedule_id is not null;
create index runs_of_end_user on runs (application_id, end_user_id, id desc) include (organization_id) where end_user_id is not null;
create index runs_of_end_user_status on runs (application_id, end_user_id, status, id desc) include (organization_id)
  where end_user_id is not null;
create index runs_of_end_user_agent on runs (application_id, end_user_id, agent_id, id desc) include (organization_id, status)
  where end_user_id is not null;

-- The other lists that grow without a limit.
drop index files_newest;
create index files_newest on files (application_id, id desc) include (organization_id);
drop index files_of_end_user;
create index files_of_end_user on files (application_id, end_user_id, id desc) include (organization_id) where end_user_id is not null;
create index files_of_run_newest on files (run_id, id desc) include (organization_id, application_id) where run_id is not null;
drop index end_users_newest;
create index end_users_newest on end_users (application_id, id desc) include (organization_id);

-- A page of a log, and the count of its entries, read no other events and no rows but those shown.
create index run_events_logs on run_events (run_id, seq) include (organization_id) where kind = 'run_log';

-- An organization follows from an application, and both from an agent or a schedule: without this the planner takes them for
-- independent, and its estimates of long lists are far too low.
create statistics runs_scopes (dependencies) on organization_id, application_id, agent_id from runs;
create statistics runs_end_users (dependencies) on organization_id, application_id, end_user_id from runs;
create statistics runs_schedules (dependencies) on organization_id, application_id, schedule_id from runs;
create statistics files_scopes (dependencies) on organization_id, application_id, end_user_id from files;
create statistics end_users_scopes (dependencies) on organization_id, application_id from end_users;
create statistics notifications_scopes (dependencies) on organization_id, application_id, user_id from notifications;
create statistics audit_log_scopes (dependencies) on organization_id, application_id, action from audit_log;
