-- The events of several runs are ordered by `position` alone: docs/decisions/0002-event-positions.md.
drop index run_events_of_application;
drop index run_events_of_agent;
create index run_events_of_application on run_events (application_id, position);
create index run_events_of_agent on run_events (agent_id, position);

-- Until its transaction ends, tells readers that this transaction may insert events of the application with positions
-- above the returned one. A writer must call this before it inserts its first event.
-- The lock's first number is the hash of the application, the second the lower 31 bits of the position.
create function hold_event_positions(application uuid) returns bigint
language plpgsql volatile security definer set search_path from current as $$
declare
  last bigint;
begin
  select last_value - (not is_called)::int into last from run_events_position_seq;
  perform pg_advisory_xact_lock_shared(hashtext(application::text), (last & 2147483647)::int);
  return last;
end $$;

-- For each application the position up to which every event is committed or will never be; `last` is the last position
-- that was given out. The order of the two statements matters: the position first, then the locks.
create function event_horizons(applications uuid[]) returns table (application_id uuid, horizon bigint, last bigint)
language plpgsql volatile set search_path from current as $$
begin
  select last_value - (not is_called)::int into last from run_events_position_seq;
  return query
    select a.id, event_horizons.last - coalesce(held.behind, 0), event_horizons.last
    from unnest(applications) as a (id)
    left join (
      select l.classid::bigint as class, max((event_horizons.last - l.objid::bigint) & 2147483647) as behind
      from pg_locks l
      where l.locktype = 'advisory' and l.objsubid = 2
        and l.database = (select oid from pg_database where datname = current_database())
        -- A lock from after the position was read protects only later positions.
        and (event_horizons.last - l.objid::bigint) & 2147483647 < 1073741824
      group by l.classid
    ) held on held.class = hashtext(a.id::text)::bigint & 4294967295;
end $$;
