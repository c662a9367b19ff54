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

-- Password attempts by a hash of the e-mail address, so that an address without an account is counted like any other.
create table password_attempts (
  account text primary key,
  attempts integer not null,
  blocked_until timestamptz(3),
  -- Whether the owner of the address was told about this series of attempts.
  reported boolean not null default false,
  last_at timestamptz(3) not null
);
create index password_attempts_oldest on password_attempts (last_at);

-- Only the hashes of session tokens are stored. Sessions stay open: the cookie has the token.
update sessions set token = 'sha256:' || translate(encode(sha256(convert_to(token, 'UTF8')), 'base64'), '+/=', '-_');

-- A rotation by another member makes the key theirs. The previous secret stays tied to the member who knows it.
-- Without a reference: after the deletion of that user, the secret must not pass to the new owner.
alter table api_keys add column previous_created_by text;
update api_keys set previous_created_by = created_by where previous_key_hash is not null;
create index api_keys_previous_creator on api_keys (previous_created_by) where previous_created_by is not null;

-- The identity tokens of Google and GitHub are not used after the sign-in, and the library would store them unencrypted.
update accounts set id_token = null where id_token is not null;
