-- +goose Up

-- What is to be learnt from questions: what they are about, who asked to be told, and what officers wrote in answer.
create table written (
  id      bigint generated always as identity primary key,
  officer bigint not null references officers,
  at      timestamptz not null,
  lang    text not null,
  need    text not null default '',
  title   text not null,
  body    text not null,               -- for everybody to read: not personal
  told    int not null default 0       -- how many were told
);

alter table questions
  alter column question drop not null, -- only where something is to be learnt from the words
  add column need text not null default '',
  add column back bytea,               -- the conversation to tell, sealed with the office's key; gone once it was told
  add column written bigint references written;
update questions set question = null where outcome in ('answered', 'useful');
create index questions_open on questions (id) where question is not null and written is null;
create index questions_written on questions (written) where written is not null;
