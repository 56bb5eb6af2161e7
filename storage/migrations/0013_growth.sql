-- +goose Up

-- The orders in which the cases of all offices are listed together, of what grows for ever.
create index cases_closed_all on cases (closed_at, id) where state = 'closed';
create index cases_register_all on cases (opened_at, id);

-- Who is due to be forgotten, without those who have been. A peer is empty once its person was forgotten.
create index conversations_silent on conversations (seen_at) where open_case is null and peer <> '';
create index conversations_refused on conversations (seen_at) where not kept and peer <> '';
drop index conversations_seen;

-- The words and the ways back that are still there to be erased.
create index questions_kept on questions (day) where question is not null or back is not null;

-- Sealed values are as good as random: to try to compress them only costs. Those that do not fit a page lie beside it.
alter table messages alter column body set storage external;
alter table conversations alter column session set storage external;
alter table cases alter column answers set storage external;

-- In large tables the usual fifth of the rows is a long time to wait until what was left is cleared away and the planner
-- hears of what was added.
alter table messages set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
alter table conversations set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table cases set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
alter table media_wanted set (fillfactor = 70, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000);
