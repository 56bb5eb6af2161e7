-- +goose Up

-- Who is received at the desk: a form that is sent twice is one visit.
alter table cases add column filed bytea unique; -- keyed hash of the officer and the form's key

-- By which the person of a case joins it from a channel of their own, once.
create table link_codes (
  case_id bigint primary key references cases,
  nonce   bytea not null,             -- of which the code is made, with the secret key
  hash    bytea not null unique,      -- keyed hash of the code
  until   timestamptz not null
);

-- Codes that were wrong, so that nobody guesses.
create table link_tries (
  conversation bigint not null,
  at           timestamptz not null
);
create index link_tries_at on link_tries (at);
