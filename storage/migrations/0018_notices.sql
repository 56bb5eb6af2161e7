-- +goose Up

-- How officers wish to be told that somebody waits: an address is sealed with the office's key, and found by a keyed hash.
create table ways (
  id        bigint generated always as identity primary key,
  officer   bigint not null references officers,
  kind      text not null check (kind in ('push', 'telegram', 'mail')),
  key       bytea not null,
  address   bytea not null,
  lang      text not null,
  made_at   timestamptz not null,
  sent_at   timestamptz,
  failed_at timestamptz,
  why       text not null default '',
  unique (kind, key)
);
create index ways_officer on ways (officer);

-- When they were told, and a code with which an account is linked, as a keyed hash.
create table told (
  officer    bigint primary key references officers,
  at         timestamptz,
  upto       timestamptz,
  digest     date,
  code       bytea,
  code_until timestamptz
);

-- The key pair by which the services that carry pushes know the office: the private part is sealed with the office's key.
create table push_key (
  id      int primary key check (id = 1),
  public  text not null,
  private bytea not null
);
