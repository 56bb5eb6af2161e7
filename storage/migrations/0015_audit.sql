-- +goose Up

-- What officers did and answer for: who, what, when, which case. Codes and numbers alone: nothing of it is sealed, and
-- it stays, for thirteen months, when a person is erased.
create table audit (
  id      bigint generated always as identity primary key,
  at      timestamptz not null,
  officer bigint references officers,  -- null: whoever runs the program
  what    text not null,
  office  text not null,
  case_id bigint references cases,
  about   bigint references officers,
  n       int not null default 0
);
create index audit_office on audit (office, id);
create index audit_case on audit (case_id, id) where case_id is not null;
create index audit_officer on audit (officer, at);
create index audit_at on audit (at);
