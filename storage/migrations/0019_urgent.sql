-- +goose Up

-- Few cases are urgent: whoever counts those that are closed does not look at all the others.
create index cases_urgent on cases (office) where urgent <> '';
