-- +goose Up

-- Who was forgotten, and whom their channel has yet to forget: it keeps something of people's beside the record.
create table erasures (
  id           bigint generated always as identity primary key,
  conversation bigint not null,
  channel      text not null,
  peer         bytea not null,         -- sealed with the office's key
  due          timestamptz not null,
  attempts     int not null default 0,
  again        boolean not null default false -- it was done once
);
create index erasures_due on erasures (channel, due, id);
