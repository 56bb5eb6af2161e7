-- +goose Up

-- Roles that see figures and no people.
alter table officers drop constraint officers_role_check;
alter table officers add constraint officers_role_check check (role in ('officer', 'head', 'admin', 'supervisor', 'network'));
alter table officers drop constraint officers_check;
alter table officers add constraint officers_office_check check (role in ('admin', 'network') or office <> '');

-- What an office takes over from its earlier register. The file is kept, sealed with the office's key, while it is looked
-- at; how its columns are read is remembered for the next one.
create table imports (
  id      bigint generated always as identity primary key,
  office  text not null,
  officer bigint not null references officers,
  at      timestamptz not null,
  done_at timestamptz,
  file    bytea,                       -- sealed; gone once it is done
  cases   int not null default 0,      -- how many it became
  check ((file is null) = (done_at is not null))
);
create table import_plans (
  office text primary key,
  plan   jsonb not null                -- headings and words of the office's own, by column: not personal
);

alter table cases
  add column structure text not null default '', -- of an orientation
  add column import    bigint references imports,
  add column print     bytea;                    -- keyed hash of an imported row, by which it is known again
create index cases_register on cases (office, opened_at, id);

-- What is left to be counted of cases whose data was erased when their time was over. Nothing links one row to another.
create table tallies (
  office text not null,
  month  date not null,
  field  text not null,
  code   text not null,
  n      int not null check (n > 0),
  primary key (office, month, field, code)
);
