-- +goose Up

-- The line to a conversation is that of the message: to check it again costs as much as the row.
alter table inbox drop constraint inbox_conversation_fkey;
alter table outbox drop constraint outbox_conversation_fkey;

comment on column messages.status is 'waiting: in the outbox, or else sent; sent: by a former version; failed';
comment on column messages.external is 'the network''s id, of messages that a former version sent';
