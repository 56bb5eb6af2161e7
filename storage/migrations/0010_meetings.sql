-- +goose Up

-- Appointments at the offices: dates and codes. Whom they are with is said by the case, with which they are erased.
create table meetings (
  id       bigint primary key,         -- given by the desk: the person's calendar knows it
  case_id  bigint not null references cases,
  officer  bigint not null references officers, -- who proposed it
  at       timestamptz not null,
  minutes  int not null,
  state    text not null check (state in ('proposed', 'yes', 'no', 'other', 'off', 'came', 'missed')),
  sequence int not null default 0
);
create index meetings_case on meetings (case_id, at);
create index meetings_at on meetings (at);
