-- Entries are chained shortly after their commit, in commit order: `(transaction, position)` gives the order, `seq` and `hash` the link.
alter table audit_log alter column request_id drop not null;
alter table audit_log alter column method drop not null;
alter table audit_log alter column path drop not null;
alter table audit_log add column transaction xid8 not null default pg_current_xact_id();
alter table audit_log add column position bigint not null generated always as identity;
alter table audit_log add column seq bigint check (seq > 0);
alter table audit_log add column hash bytea check (length(hash) = 32);
create index audit_log_unchained on audit_log (transaction, position) where seq is null and organization_id is not null;
create unique index audit_log_chain on audit_log (organization_id, seq) where seq is not null;

-- One for each filter of the log, read backwards; `audit_log_newest` serves the list without one.
create index audit_log_of_action on audit_log (organization_id, action, id);
create index audit_log_of_noun on audit_log (organization_id, split_part(action, '.', 1), id);
create index audit_log_of_resource on audit_log (organization_id, resource_id, id) where resource_id is not null;
create index audit_log_of_actor on audit_log (organization_id, (coalesce(actor ->> 'apiKeyId', actor ->> 'userId', actor ->> 'kind')), id);
create index audit_log_of_end_user on audit_log (organization_id, (actor ->> 'endUserId'), id) where actor ->> 'endUserId' is not null;
create index audit_log_of_application on audit_log (organization_id, application_id, id) where application_id is not null;

-- The last link of each organization's chain.
create table audit_chains (
  organization_id uuid primary key references organizations (id) on delete cascade,
  seq bigint not null,
  hash bytea not null check (length(hash) = 32),
  updated_at timestamptz(3) not null default now()
);
