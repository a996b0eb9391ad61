"""The named statements, as every SQL database may have them, with places for the vendor's own words (``{now}``, ``{json}``)."""

from __future__ import annotations

from celeriac.engine.brokers.sql import rows
from celeriac.engine.entry import Entry

RECORD = ", ".join(f"j.{column.strip()}" for column in rows.RECORD_COLUMNS.split(","))
TIMES = frozenset({"start", "end", "next_run", "held", "last_run"})
"""Columns of a periodic task."""
ENTRY = ", ".join(f'{{reading}}"{column}"{{read}}' if column in TIMES else f'"{column}"' for column in Entry.__struct_fields__)
GO_ON = """update celeriac_periodic set next_run = %s, held = %s, enabled = %s, problem = %s,
    last_run = coalesce(%s, last_run), last_job = coalesce({text}, last_job), total_run_count = total_run_count + %s,
    recent = coalesce({json}, recent)"""

ENDED = "('succeeded', 'failed', 'cancelled', 'expired')"
KEPT = ", ".join(f'"{column}"' for column in rows.KEPT_COLUMNS)
_CASTS = {"payload": "{blob}", "result": "{blob}", **dict.fromkeys(rows.JSONS, "{json}")}
KEPT_VALUES = ", ".join(_CASTS.get(column, "%s") for column in rows.KEPT_COLUMNS)

STATEMENTS = {
    # -- a worker and its children -------------------------------------------------------------------------------------
    # Both may be repeated, since their answers may get lost; neither makes alive again what was declared dead.
    "join": """insert into celeriac_worker (id, name, host, pid, pool, concurrency, queues, version, started, lease, alive)
        values (%s, %s, %s, %s, %s, %s, {json}, %s, {now}, {ahead}, {true})
        on conflict (id) do update set lease = excluded.lease""",
    "enrol": """insert into celeriac_child (id, worker, alive, enrolled)
        select {text}, id, {true}, {now} from celeriac_worker where id = %s and alive
        on conflict (id) do update set worker = excluded.worker""",
    "renew": "update celeriac_worker set lease = {ahead} where id = %s and alive",
    "lapsed": "select id from celeriac_worker where alive and lease < {now} {skip_locked}",
    "kill_worker": "update celeriac_worker set alive = {false} where id = %s and alive",
    "kill_children": "update celeriac_child set alive = {false} where worker = %s and alive",
    "kill_child": "update celeriac_child set alive = {false} where id = %s",
    "children": "select id from celeriac_child where worker = %s",
    "forget_idle": "delete from celeriac_idle where child = %s",
    "is_alive": "select 1 from celeriac_child where id = %s and alive",
    # -- what a child holds --------------------------------------------------------------------------------------------
    "begin": """update celeriac_live set begun = coalesce(begun, {now}), once = (once or %s)
        where job = %s and child = %s and delivery = %s and state = 'running'""",
    "held": "select job, delivery from celeriac_live where child = %s and state = 'running'",
    "not_begun": """select queue, revoked from celeriac_live where job = %s and child = %s and delivery = %s
        and state = 'running' and begun is null {for_update}""",
    "give_back": """update celeriac_live set state = 'waiting', child = null, begun = null, once = {false}
        where job = %s and child = %s and delivery = %s and state = 'running'""",
    "give_back_all": """update celeriac_live set state = 'waiting', child = null, begun = null, once = {false}
        where child = %s and state = 'running'""",
    "in_hand": """select job, delivery, queue, charges, once, begun, revoked from celeriac_live
        where child = %s and state = 'running' {for_update}""",
    "is_revoked": "select 1 from celeriac_live where job = %s and child = %s and delivery = %s and revoked",
    "charge": "update celeriac_live set charges = charges + 1 where job = %s",
    "doomed": """select l.job, l.child, l.delivery from celeriac_live l join celeriac_child c on c.id = l.child
        where c.worker = %s and l.state = 'running' and l.doomed""",
    # -- rate limits -----------------------------------------------------------------------------------------------------
    "rate": "select apart, next, {now} from celeriac_rate where task = %s {for_update}",
    "first_rate": "{insert_new} celeriac_rate (task, next) values (%s, {now}) {unless_known}",
    "next_turn": "update celeriac_rate set next = %s where task = %s",
    "set_rate": "update celeriac_rate set apart = %s, next = {now} where task = %s",
    "paced": "select task, apart from celeriac_rate where apart is not null",
    "turns": "select job, attempt from celeriac_turn where job {among}",
    "give_turn": """insert into celeriac_turn (job, task, attempt, due) values (%s, %s, %s, %s)
        on conflict (job) do update set attempt = excluded.attempt, due = excluded.due""",
    "put_off": """update celeriac_live set state = 'scheduled', run_at = %s, child = null
        where job = %s and child = %s and delivery = %s and state = 'running' and not doomed""",
    "put_off_waiting": "update celeriac_live set state = 'scheduled', run_at = %s where job = %s and state = 'waiting'",
    "ahead": "select job from celeriac_live where state = 'waiting' and queue = %s order by {most_urgent}, job limit %s",
    "behind": """select l.job, j.attempts from celeriac_live l join celeriac_job j on j.number = l.job
        where l.job {among} and l.state = 'waiting' and j.task = %s and not exists (
            select 1 from celeriac_turn t where t.job = l.job and t.attempt = j.attempts)
        order by l.priority desc, l.job {lock_live}""",
    "reserved": """select t.job, l.queue from celeriac_turn t join celeriac_live l on l.job = t.job
        where t.task = %s and l.state = 'scheduled' and l.run_at = t.due {lock_live}""",
    "drop_turn": "delete from celeriac_turn where job = %s",
    # -- settling, one by one: what is not the common case -------------------------------------------------------------------
    "return_live": """update celeriac_live set state = %s, run_at = %s, queue = coalesce({text}, queue), child = null,
        begun = null, once = {false}, charges = 0 where job = %s and child = %s and delivery = %s and state = 'running'""",
    "return_record": """update celeriac_job set state = %s, run_at = coalesce(%s, run_at), payload = coalesce({blob}, payload),
        queue = coalesce({text}, queue), started = %s, worker = %s, attempts = attempts + %s where number = %s""",
    "attempt": """insert into celeriac_attempt (job, "index", state, started, finished, worker, error, log)
        select number, attempts, %s, %s, %s, %s, {json}, {text} from celeriac_job where number = %s""",
    # -- time ------------------------------------------------------------------------------------------------------------
    "due": """select job, queue from celeriac_live where state = 'scheduled' and run_at <= {moment}
        order by run_at limit %s {skip_locked}""",
    "promote": "update celeriac_live set state = 'waiting' where job = %s and state = 'scheduled'",
    "next_due": "select {until_min_run_at} from celeriac_live where state = 'scheduled'",
    "backlog": """select count(*) from (
        select 1 as one from celeriac_live where state = 'waiting' and queue = %s limit %s) as counted""",
    # -- control ---------------------------------------------------------------------------------------------------------
    "numbers": "select number, state from celeriac_job where id = %s",
    "cancel_live": "delete from celeriac_live where job = %s and state in ('waiting', 'scheduled', 'blocked')",
    "revoke": "update celeriac_live set revoked = {true} where job = %s and state = 'running'",
    "doom": "update celeriac_live set revoked = {true}, doomed = {true} where job = %s and state = 'running' and not doomed",
    "cancel_record": "update celeriac_job set state = 'cancelled', trouble = 'cancelled', finished = {now} where number = %s",
    "cancel_parked": """update celeriac_job set state = 'cancelled', trouble = 'cancelled', finished = {now}
        where number = %s and state = 'parked'""",
    "purgeable": """select job from celeriac_live where queue = %s and state in ('waiting', 'scheduled')
        order by job limit %s {skip_locked}""",
    "purge_live": "delete from celeriac_live where job {among}",
    "purge_records": """update celeriac_job set state = 'cancelled', trouble = 'cancelled', finished = {now}
        where number {among}""",
    "pause": "update celeriac_queue set paused = %s where name = %s and paused <> %s",
    "queue": "{insert_new} celeriac_queue (name, paused) values (%s, {false}) {unless_known}",
    "parked": "select number, queue from celeriac_job where trouble = 'parked' and {parked_by} {for_update}",
    "unpark_live": """insert into celeriac_live (job, queue, priority, state)
        select number, queue, priority, 'waiting' from celeriac_job where number = %s and state = 'parked'""",
    "unpark_record": "update celeriac_job set state = 'waiting', trouble = null, finished = null where number = %s",
    "scheduled": """select l.job, l.queue from celeriac_live l join celeriac_job j on j.number = l.job
        where j.id = %s and l.state = 'scheduled'""",
    # -- reading ---------------------------------------------------------------------------------------------------------
    "get": f"""select {RECORD}, l.state, l.begun, l.charges, l.run_at, l.child, l.delivery, c.worker from celeriac_job j
        left join celeriac_live l on l.job = j.number left join celeriac_child c on c.id = l.child where j.id = %s""",
    "find": f"""select {RECORD}, l.state, l.begun, l.charges, l.run_at, l.child, l.delivery, c.worker from celeriac_job j
        left join celeriac_live l on l.job = j.number left join celeriac_child c on c.id = l.child
        {{{{where}}}} order by j.number desc limit %s""",
    "find_live": f"""select {RECORD}, l.state, l.begun, l.charges, l.run_at, l.child, l.delivery, c.worker
        from celeriac_live l join celeriac_job j on j.number = l.job left join celeriac_child c on c.id = l.child
        {{{{where}}}} order by l.job desc limit %s""",
    # A search looks at one part after the other, each of so many rows; what fits, and which row is the last of a part.
    "part": "select number from celeriac_job where number < %s order by number desc limit %s",
    "part_trouble": "select number from celeriac_job where trouble = %s and number < %s order by number desc limit %s",
    "part_live": "select job as number from celeriac_live where job < %s order by job desc limit %s",
    "part_running": """select job as number from celeriac_live where state = 'running' and job < %s
        order by job desc limit %s""",
    "search": f"""select {RECORD}, l.state, l.begun, l.charges, l.run_at, l.child, l.delivery, c.worker
        from ({{{{part}}}}) w {{record_of_part}} {{live_of_part}} left join celeriac_child c on c.id = l.child
        {{{{where}}}} order by w.number desc limit %s""",
    "last_of_part": """select j.number, j.created, w.looked
        from (select min(number) as lowest, count(*) as looked from ({{part}}) r) w
        join celeriac_job j on j.number = w.lowest""",
    "mentions": "({begins} or {has_text} or {has_bytes})",
    "record": f"select {RECORD} from celeriac_job j where j.number = %s",
    "workers": """select id, name, host, pid, pool, concurrency, queues, version, started, lease from celeriac_worker
        where alive and lease >= {now} order by name, id""",
    "counts": """select j.queue, coalesce(l.state, j.state), count(*) from celeriac_job j
        left join celeriac_live l on l.job = j.number group by 1, 2""",
    "moment": "select max(number), {now} from celeriac_job",
    "in_queues": """select q.queue, q.jobs, j.created, l.run_at from (
            select queue, count(*) as jobs, min(job) as lowest from celeriac_live where state = 'waiting' group by queue) q
        join celeriac_job j on j.number = q.lowest join celeriac_live l on l.job = q.lowest""",
    "elsewhere": """select queue, state, count(*) from celeriac_live where state = 'scheduled' group by queue, state
        union all select queue, state, count(*) from celeriac_live where state = 'running' group by queue, state
        union all select queue, state, count(*) from celeriac_job where trouble = 'parked' group by queue, state""",
    "paused": "select name from celeriac_queue where paused",
    "failures": f"""select {RECORD} from (
            select id, job, state, finished from celeriac_attempt order by id desc limit 10000) a
        join celeriac_job j on j.number = a.job
        where a.state = 'failed' and j.state = 'failed' and a.finished >= {{ago}} order by a.id desc limit %s""",
    "attempts": """select a."index", a.state, a.started, a.finished, a.worker, a.error, a.log from celeriac_attempt a
        join celeriac_job j on j.number = a.job where j.id = %s order by a.id""",
    "await": "{insert_new} celeriac_waiter (job) select number from celeriac_job where id = %s {unless_known}",
    "over": """select w.job from celeriac_waiter w
        where not exists (select 1 from celeriac_live l where l.job = w.job) order by w.job""",
    "woken": "delete from celeriac_waiter where job = %s",
    "progress": "update celeriac_job set progress = {json} where number = %s",
    "report": """update celeriac_job set progress = {json} where number = %s and exists (select 1 from celeriac_live
        where job = %s and child = %s and delivery = %s and state = 'running')""",
    # -- whole records, from a broker or for a result store that is elsewhere ----------------------------------------------
    "window": """select max(number), count(*) from (
        select number from celeriac_job where number > %s order by number limit %s) w""",
    "ended": f"""select {RECORD} from celeriac_job j where j.number > %s and j.number <= %s and j.state in {ENDED}
        order by j.number limit %s""",
    "attempts_of": """select job, "index", state, started, finished, worker, error, log from celeriac_attempt
        where job {among} order by id""",
    "drop": f"delete from celeriac_job where number {{among}} and state in {ENDED}",
    "drop_attempts": "delete from celeriac_attempt where job {among}",
    "known": "select id, number, state from celeriac_job where id {among_texts}",
    "keep": f"insert into celeriac_job (trouble, {KEPT}) values (%s, {KEPT_VALUES})",
    "keep_attempt": """insert into celeriac_attempt (job, "index", state, started, finished, worker, error, log)
        values (%s, %s, %s, %s, %s, %s, {json}, %s)""",
    # -- forgetting ------------------------------------------------------------------------------------------------------
    "forget_attempts": "delete from celeriac_attempt where job = %s",
    "forget": "delete from celeriac_job where number = %s and state in ('succeeded', 'failed', 'cancelled', 'expired')",
    "prunable": """select number from celeriac_job where state = %s and finished < {ago} and number > %s
        order by number limit %s""",
    "prune_children": """delete from celeriac_child where not alive and enrolled < {ago}
        and not exists (select 1 from celeriac_live where child = celeriac_child.id)""",
    "prune_workers": """delete from celeriac_worker where not alive and lease < {ago}
        and not exists (select 1 from celeriac_child where worker = celeriac_worker.id)""",
    "prune_turns": """delete from celeriac_turn where due < {ago}
        and not exists (select 1 from celeriac_live where job = celeriac_turn.job)""",
    # -- periodic tasks ----------------------------------------------------------------------------------------------------
    "agenda": """select (select {reading}next_run{read} from celeriac_periodic where enabled = {true} and next_run is not null
            order by next_run limit 1),
        exists (select 1 from celeriac_periodic where enabled = {true} and next_run is null), {now}""",
    "unplanned": f"""select {ENTRY} from celeriac_periodic where enabled = {{true}} and next_run is null
        limit %s {{skip_locked}}""",
    "due_entries": f"""select {ENTRY} from celeriac_periodic where enabled = {{true}} and next_run <= %s
        order by next_run limit %s {{skip_locked}}""",
    "soon_due": f"""select {ENTRY} from celeriac_periodic where enabled = {{true}} and next_run <= %s
        order by next_run limit %s""",
    "advance": f"{GO_ON} where id = %s and next_run = %s",
    "plan": f"{GO_ON}, planned_in = %s where id = %s and next_run is null",
    "undated": """update celeriac_periodic set start = null, "end" = null, held = null, last_run = null where id = %s""",
    # -- one keeper for upkeep --------------------------------------------------------------------------------------------
    "lead": "update celeriac_leader set holder = %s, until = {ahead} where duty = %s and (holder = %s or until < {now})",
    "first_leader": "{insert_new} celeriac_leader (duty, holder, until) values (%s, %s, {ahead}) {unless_known}",
    "resign": "delete from celeriac_leader where duty = %s and holder = %s",
}
