-- Adds the rows from before the triggers. The triggers count meanwhile: what they have counted is in the same snapshot as the rows, and is
-- subtracted; what they count later is added to what is there then. A file of its own, because the file before locks the tables.
insert into quota_counts as q (organization_id, quota, used)
select coalesce(r.organization_id, k.organization_id), coalesce(r.quota, k.quota), coalesce(r.used, 0) - coalesce(k.used, 0)
from (
  select organization_id, 'files' as quota, count(*) as used from files group by organization_id
  union all
  select organization_id, 'storedBytes', sum(size_bytes)::bigint from files group by organization_id
  union all
  select organization_id, 'schedules', count(*) from schedules group by organization_id
  union all
  select organization_id, 'apiKeys', count(*) from api_keys where revoked_at is null group by organization_id
  union all
  select organization_id, 'endUsers', count(*) from end_users group by organization_id
  union all
  select organization_id, 'agents', count(*) from packages where type = 'agent' and deleted_at is null group by organization_id
  union all
  select organization_id, 'applications', count(*) from applications where deleted_at is null group by organization_id
  union all
  select organization_id, 'webhooks', count(*) from webhooks group by organization_id
  union all
  select organization_id, 'members', sum(used)::bigint from (
    select organization_id, count(*) as used from organization_members group by organization_id
    union all
    select organization_id, count(*) from invitations where status = 'pending' group by organization_id) m
  group by organization_id
) r
full join quota_counts k on k.organization_id = r.organization_id and k.quota = r.quota
where coalesce(r.used, 0) <> coalesce(k.used, 0)
order by 1, 2
on conflict (organization_id, quota) do update set used = q.used + excluded.used;
