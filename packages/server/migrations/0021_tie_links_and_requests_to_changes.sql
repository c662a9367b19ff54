-- When a user's password or address last changed. Mailed links from before that time no longer hold.
-- A table of its own: a transaction that has locked other rows need not wait for the lock of the user's row.
create table credential_changes (
  user_id text primary key references users (id) on delete cascade,
  changed_at timestamptz(3) not null
);

-- In the transaction of the change, whatever causes it: unfinished sign-ins and trusted devices end too.
create function end_mailed_links(changed_user_id text) returns void language plpgsql as $$
begin
  insert into credential_changes as c (user_id, changed_at) values (changed_user_id, clock_timestamp())
    on conflict (user_id) do update set changed_at = greatest(c.changed_at, excluded.changed_at);
  delete from verifications where value = changed_user_id;
end $$;

create function note_change_of_address() returns trigger language plpgsql as $$
begin
  perform end_mailed_links(new.id);
  return null;
end $$;
create trigger note_change_of_address after update of email on users
  for each row when (old.email is distinct from new.email) execute function note_change_of_address();

create function note_change_of_password() returns trigger language plpgsql as $$
begin
  perform end_mailed_links(new.user_id);
  return null;
end $$;
create trigger note_change_of_password after update of password on accounts
  for each row when (old.password is distinct from new.password) execute function note_change_of_password();

-- The first password of a user who signed in otherwise, or whom an administrator added: they may have several links.
-- Who signs up has no account before it, and no links.
create function note_first_password() returns trigger language plpgsql as $$
begin
  if exists (select from accounts where user_id = new.user_id and id <> new.id)
    or exists (select from verifications where value = new.user_id) then
    perform end_mailed_links(new.user_id);
  end if;
  return null;
end $$;
create trigger note_first_password after insert on accounts
  for each row when (new.password is not null) execute function note_first_password();

-- When the address of an existing account was confirmed. The link may have been opened by somebody who did not create the account.
create table address_confirmations (
  user_id text primary key references users (id) on delete cascade,
  confirmed_at timestamptz(3) not null
);
create function note_address_confirmation() returns trigger language plpgsql as $$
begin
  insert into address_confirmations as c (user_id, confirmed_at) values (new.id, clock_timestamp())
    on conflict (user_id) do update set confirmed_at = excluded.confirmed_at;
  return null;
end $$;
create trigger note_address_confirmation after update of email_verified on users
  for each row when (new.email_verified and not old.email_verified) execute function note_address_confirmation();

-- A request that changes something of a deleted application is refused with its audit entry, its last statement: it may have been
-- authorized before the deletion. Entries of background work, which have no request, may still report what it ends.
create function refuse_requests_in_deleted_applications() returns trigger language plpgsql as $$
begin
  if exists (select from applications where id = new.application_id and deleted_at is not null) then
    raise exception 'The application was deleted.' using errcode = 'TD001';
  end if;
  return null;
end $$;
create trigger refuse_requests_in_deleted_applications after insert on audit_log
  for each row when (new.application_id is not null and new.request_id is not null)
  execute function refuse_requests_in_deleted_applications();
