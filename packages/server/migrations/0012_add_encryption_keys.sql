-- Which keys of ENCRYPTION_KEYS were used with this database, so that a lost or mixed-up key is noticed at boot.
-- A fingerprint is an HMAC of a constant text: it tells nothing about the key.
create table encryption_keys (
  version text primary key,
  fingerprint text not null,
  first_used_at timestamptz not null default now()
);
