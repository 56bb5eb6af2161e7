-- +goose Up

-- Keys: the office's key, wrapped by the secret key; a person's data key, wrapped by the office's. Everything personal
-- is sealed with a person's key: destroying it erases the person, though not in backups, which hold the keys of their day.
create table office_keys (
  id      int primary key check (id = 1),
  wrapped bytea not null
);

create table people (
  id        bigint generated always as identity primary key,
  wrapped   bytea,
  erased_at timestamptz,
  check ((wrapped is null) = (erased_at is not null))
);

create table officers (
  id       bigint generated always as identity primary key,
  login    text not null unique check (login = lower(login) and login <> ''),
  name     text not null,
  hash     text not null,
  role     text not null check (role in ('officer', 'head', 'admin')),
  office   text not null default '',
  langs    text[] not null default '{}',
  disabled boolean not null default false,
  seen_at  timestamptz,
  check (role = 'admin' or office <> '')
);

-- One person, or one phone, on one channel: the unit of order. Its row is the lock of everything that happens to it.
create table conversations (
  id        bigint generated always as identity primary key,
  person    bigint not null references people,
  channel   text not null,
  peer_hash bytea not null,           -- keyed hash: how the peer is found
  peer      bytea not null,           -- sealed
  session   bytea,                    -- sealed
  rev       bigint not null default 0,
  open_case bigint,
  keyboard  text not null default '', -- the network's id of the last message whose choices are shown
  lang      text not null default '',
  kept      boolean not null default true,  -- false: the person refused that anything be kept
  reachable boolean not null default true,
  seen_at   timestamptz not null,
  unique (channel, peer_hash)
) with (fillfactor = 80);
create index conversations_person on conversations (person);
create index conversations_seen on conversations (seen_at) where open_case is null;

create table cases (
  id           bigint generated always as identity primary key,
  person       bigint not null references people,
  conversation bigint references conversations,
  reference    text not null unique,
  office       text not null,
  state        text not null check (state in ('open', 'claimed', 'closed')),
  channel      text not null,
  lang         text not null default '',
  profile      text not null default '',
  need         text not null default '',
  urgent       text not null default '',
  officer      bigint references officers,
  outcome      text not null default '',
  opened_at    timestamptz not null,
  claimed_at   timestamptz,
  closed_at    timestamptz,
  waiting_at   timestamptz,
  unread       int not null default 0,
  answers      bytea,                 -- sealed
  last         bytea,                 -- sealed
  score        int not null default 0 check (score between 0 and 5),
  comment      bytea,                 -- sealed
  names        bytea[] not null default '{}', -- keyed hashes of the folded parts of the name
  phones       bytea[] not null default '{}', -- keyed hashes of the last six digits
  erased       boolean not null default false,
  check ((state = 'claimed') = (officer is not null and closed_at is null)),
  check ((state = 'closed') = (closed_at is not null))
) with (fillfactor = 85);
create index cases_queue on cases (office, (urgent = ''), waiting_at, id) where state <> 'closed';
create index cases_closed on cases (office, closed_at) where state = 'closed';
create index cases_officer on cases (officer) where state = 'claimed';
create index cases_conversation on cases (conversation, id);
create index cases_names on cases using gin (names);
create index cases_phones on cases using gin (phones);

alter table conversations add foreign key (open_case) references cases;

-- The transcript: only ever added to, but for statuses and erasure.
create table messages (
  id           bigint generated always as identity primary key,
  conversation bigint references conversations,
  case_id      bigint references cases,
  key          text,
  author       text not null check (author in ('person', 'bot', 'officer', 'note', 'event')),
  officer      bigint references officers,
  kind         text not null default '',
  body         bytea,                 -- sealed; null once erased
  fleeting     boolean not null default false, -- to be erased soon: the person refused that anything be kept
  status       text check (status in ('waiting', 'sent', 'failed')),
  why          text not null default '',
  external     text not null default '',
  at           timestamptz not null,
  unique (conversation, key),
  check ((status is not null) = (author in ('bot', 'officer')))
);
create index messages_case on messages (case_id, id) where case_id is not null;
create index messages_conversation on messages (conversation, id);
create index messages_fleeting on messages (at) where fleeting and body is not null;

-- To-do lists: small, their rows are deleted when done.
create table inbox (
  message      bigint primary key references messages,
  conversation bigint not null references conversations,
  key          text not null,
  due          timestamptz not null,
  attempts     int not null default 0
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000);
create index inbox_due on inbox (due, message);
create index inbox_conversation on inbox (conversation, message);

create table outbox (
  message      bigint primary key references messages,
  conversation bigint not null references conversations,
  channel      text not null,
  due          timestamptz not null,
  attempts     int not null default 0,
  farewell     bytea                  -- sealed with the office's key: the last words to a person whose own key is gone
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000);
create index outbox_due on outbox (channel, due, message);
create index outbox_conversation on outbox (conversation, message);

create table media (
  message bigint primary key references messages,
  mime    text not null default '',
  size    bigint not null default 0,
  seconds int not null default 0,
  name    bytea,                      -- sealed
  data    bytea,                      -- sealed
  state   text not null check (state in ('wanted', 'ready', 'lost', 'erased')),
  check ((data is not null) = (state = 'ready'))
);
alter table media alter column data set storage external;

create table media_wanted (
  message  bigint primary key references media,
  channel  text not null,
  ref      bytea not null,            -- sealed
  due      timestamptz not null,
  attempts int not null default 0
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);
create index media_wanted_due on media_wanted (channel, due);

-- Entries that could not be handled, for the operator.
create table set_aside (
  message bigint primary key references messages,
  at      timestamptz not null,
  trace   text not null
);

-- What was asked, apart from who asked it.
create table questions (
  id       bigint generated always as identity primary key,
  day      date not null,
  lang     text not null,
  outcome  text not null,
  answer   text not null default '',
  question bytea not null             -- sealed with the office's key
);
create index questions_day on questions (day, outcome);

-- Log-ins of the console (scs).
create table sessions (
  token  text primary key,
  data   bytea not null,
  expiry timestamptz not null
);
create index sessions_expiry on sessions (expiry);
