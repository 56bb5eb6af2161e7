-- +goose Up

-- A proposal that a case go to another office, which its person has not answered yet; and since when the bot speaks with
-- the person again though an officer has the case.
alter table cases add column proposal bytea, -- sealed with the person's key
  add column bot_at timestamptz;
