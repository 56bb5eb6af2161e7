-- +goose Up

-- To check that a line's conversation and a to-do row's message exist costs as much as the row. Both are sure without:
-- whoever writes a line holds the lock of its conversation, which is never deleted, and a to-do row is written by the
-- statement that writes its message.
alter table messages drop constraint messages_conversation_fkey;
alter table inbox drop constraint inbox_conversation_fkey, drop constraint inbox_message_fkey;
alter table outbox drop constraint outbox_conversation_fkey, drop constraint outbox_message_fkey;

comment on column messages.status is 'waiting: in the outbox, or else sent; sent: by a former version; failed';
comment on column messages.external is 'the network''s id, of messages that a former version sent';

-- A case that is opened takes in what was said before it. That is now said of the case, once, and not of every line: the
-- lines of its conversation that are of no case, after the one id and up to the other, are its own. (A former version
-- wrote the case into the lines; then both are 0.)
alter table cases add column lines_after bigint not null default 0, add column lines_upto bigint not null default 0;

-- A case's lines are found through its conversation.
drop index messages_case;

-- Room in each page for the lines of who is forgotten, so that erasing their words leaves the indexes alone: none of them
-- asks for the words any more.
alter table messages set (fillfactor = 90);
update messages set fleeting = false where fleeting and body is null;
drop index messages_fleeting;
create index messages_fleeting on messages (at) where fleeting;
