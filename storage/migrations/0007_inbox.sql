-- +goose Up

-- What officers keep beside the cases. Words are sealed: an office's with the office's key, what is meant for a person
-- with the person's.
alter table cases add column labels bigint[] not null default '{}';
create index cases_labels on cases using gin (labels) where labels <> '{}';

create table labels (
  id     bigint generated always as identity primary key,
  office text not null,
  key    bytea not null,              -- keyed hash of the folded words
  name   bytea not null,              -- sealed with the office's key
  unique (office, key)
);

create table canned (
  id      bigint generated always as identity primary key,
  office  text not null,
  officer bigint not null references officers, -- who changed it last
  at      timestamptz not null,
  body    bytea not null              -- name and texts, sealed with the office's key
);
create index canned_office on canned (office);

create table views (
  id      bigint generated always as identity primary key,
  officer bigint not null references officers,
  body    bytea not null              -- name and address, sealed with the office's key
);
create index views_officer on views (officer);

create table drafts (
  case_id bigint not null references cases,
  officer bigint not null references officers,
  at      timestamptz not null,
  body    bytea not null,             -- sealed with the person's key
  primary key (case_id, officer)
);

-- Replies that wait for their time: a few seconds in which they can be taken back, or until a time that was chosen. They
-- are no lines of the conversation before, so that they hold nothing back and nobody reads them too early.
create table pending (
  id           bigint generated always as identity primary key,
  case_id      bigint not null references cases,
  conversation bigint not null references conversations,
  officer      bigint not null references officers,
  at           timestamptz not null,
  due          timestamptz not null,
  timed        boolean not null,      -- for a time that was chosen
  waited       timestamptz,           -- the case's waiting_at before, and its unread
  unread       int not null,
  kind         text not null default '',
  body         bytea not null,        -- sealed, as in messages
  mime         text not null default '',
  seconds      int not null default 0,
  size         bigint not null default 0,
  name         bytea,                 -- sealed, as in media
  data         bytea                  -- sealed, as in media
);
alter table pending alter column data set storage external;
create index pending_due on pending (due, id);
create index pending_case on pending (case_id);

create table absences (
  officer bigint primary key references officers,
  since   date not null,
  until   date not null,              -- the last day
  check (since <= until)
);
