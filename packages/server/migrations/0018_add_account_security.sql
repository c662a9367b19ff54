-- What happened to a user's account: sign-ins, failed ones too, and changes of how they sign in. Belongs to no organization.
create table security_events (
  id uuid primary key,
  user_id text not null references users (id) on delete cascade,
  action text not null,
  detail text,
  ip text,
  user_agent text,
  request_id text
);
create index security_events_of_user on security_events (user_id, id desc);
