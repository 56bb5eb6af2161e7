-- +goose Up

-- The second factor of a log-in: a secret that the officer's telephone has too, and codes for when the telephone is gone.
alter table officers
  add column second      bytea,                         -- sealed with the office's key
  add column second_on   boolean not null default false, -- the telephone has shown that it has it
  add column second_step bigint not null default 0;     -- of the last code that was taken: none is taken twice
create table recovery_codes (
  officer bigint not null references officers,
  hash    bytea not null,                               -- keyed; the row goes when the code is used
  primary key (officer, hash)
);
