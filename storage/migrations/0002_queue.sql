-- +goose Up

-- The queue's order as it is asked for, so that a page of it is read from the index: those who wait for nothing come last.
drop index cases_queue;
create index cases_queue on cases (office, (urgent = ''), (coalesce(waiting_at, 'infinity')), id) where state <> 'closed';
drop index cases_closed;
create index cases_closed on cases (office, (coalesce(closed_at, '-infinity')), id) where state = 'closed';
create index cases_kept on cases (closed_at) where state = 'closed' and not erased;

-- Entries that failed hold back what came after them: there are hardly ever any, and every turn asks.
create index inbox_held on inbox (conversation, message) where attempts > 0;
