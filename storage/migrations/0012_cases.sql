-- +goose Up

-- How far a case has come, beside who holds it. A closed one keeps the stage it had.
alter table cases add column stage text not null default 'open' check (stage in ('open', 'accompanied', 'oriented', 'third', 'reopened'));

-- What was promised in a case, and what is to be brought.
create table steps (
  id      bigint generated always as identity primary key,
  case_id bigint not null references cases,
  at      timestamptz not null,
  doer    text not null check (doer in ('office', 'person')),
  due     date,
  done_at timestamptz,
  body    bytea not null              -- the words and the officers' names, sealed with the person's key
);
create index steps_case on steps (case_id);
