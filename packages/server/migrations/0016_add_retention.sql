-- When the retention of an application was last applied, and what the pass of today has deleted so far. The row is the lock of a pass.
create table retention_passes (
  application_id uuid primary key,
  organization_id uuid not null,
  -- The last day (UTC) whose pass is complete.
  day date,
  counts jsonb not null default '{}',
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade
);
alter table retention_passes enable row level security;
create policy of_organization on retention_passes using (organization_id = (select acting_organization()));
create index applications_with_retention on applications (id) where settings ? 'retention';

-- How many days the audit log is kept; null: as long as the organization.
alter table organizations add column audit_retention_days integer check (audit_retention_days > 0);
create index organizations_with_retention on organizations (id) where audit_retention_days is not null;
-- The last entry that the retention has removed from the front of the chain: the chain is verified from here on.
alter table audit_chains add column start_seq bigint not null default 0 check (start_seq >= 0);
alter table audit_chains add column start_hash bytea check (length(start_hash) = 32);
