-- +goose Up

-- The day on which whoever follows a case wants to be reminded of it.
alter table cases add column remind_at timestamptz;
create index cases_remind on cases (office, remind_at) where remind_at is not null and state <> 'closed';
