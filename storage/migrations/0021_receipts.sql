-- +goose Up

-- How far what was sent has come, by conversation: the newest message that has reached the person, and the newest they have
-- read. Apart from the messages, which are not written again for it, and from the conversation, whose lock it does not need.
create table receipts (
  conversation bigint primary key references conversations,
  delivered    bigint not null default 0,
  read         bigint not null default 0
) with (fillfactor = 70);
