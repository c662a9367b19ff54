-- without transaction
-- An end-user who is being erased is marked at once, without their fields and their data key. A job then removes what they have in small
-- batches, and the marked row last.
alter table end_users add column if not exists erased_at timestamptz(3);
drop index concurrently if exists end_users_erased;
create index concurrently end_users_erased on end_users (application_id, id) where erased_at is not null;
