-- +goose Up

-- What is asked of a person's cases, and of the lines of a case that has no conversation.
create index cases_person on cases (person);
create index messages_ownerless on messages (case_id, id) where conversation is null;

-- A wish to be told ends with its asker's data, and follows where two conversations become one: a keyed hash of the
-- conversation says whose it is. A wish of before has none, and lapses by its age.
alter table questions add column asker bytea;
create index questions_asker on questions (asker) where asker is not null;
