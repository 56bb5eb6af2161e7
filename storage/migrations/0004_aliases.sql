-- +goose Up

-- The other names of a conversation's peer: WhatsApp knows a person by phone number and by LID, and may change from one to
-- the other.
create table aliases (
  channel      text not null,
  alias_hash   bytea not null,        -- keyed hash, of the same kind as conversations.peer_hash
  conversation bigint not null references conversations,
  primary key (channel, alias_hash)
);
create index aliases_conversation on aliases (conversation);

-- The person took the message back.
alter table messages add column deleted boolean not null default false;
