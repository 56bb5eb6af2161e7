-- +goose Up

-- Who is logged in to the console, and where. The session of a browser names its row; without the row it is nobody's.
create table logins (
  id       bigint generated always as identity primary key,
  officer  bigint not null references officers,
  began_at timestamptz not null,
  seen_at  timestamptz not null,
  device   text not null              -- browser and system, as the browser says
);
create index logins_officer on logins (officer);
create index logins_began on logins (began_at);
