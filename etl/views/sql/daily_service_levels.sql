CREATE VIEW bi.daily_service_levels AS
SELECT
    account_id,
    began_on AS day,
    target,
    what,
    within_seconds,
    time,
    inbox_id,
    inbox,
    team_id,
    team,
    count(*) AS total,
    count(*) FILTER (WHERE result = 'met') AS met,
    count(*) FILTER (WHERE result = 'breached') AS breached,
    count(*) FILTER (WHERE result = 'running') AS running,
    count(*) FILTER (WHERE result = 'unanswered') AS unanswered,
    count(*) FILTER (WHERE result = 'not known') AS not_known
FROM bi.service_levels
GROUP BY account_id, began_on, target, what, within_seconds, time, inbox_id, inbox, team_id, team;

COMMENT ON VIEW bi.daily_service_levels IS 'How far service level targets were kept: a row a day, target, inbox and team';
COMMENT ON COLUMN bi.daily_service_levels.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_service_levels.day IS 'Day on which it began to be owed, in the account''s time zone';
COMMENT ON COLUMN bi.daily_service_levels.target IS 'Name of the target';
COMMENT ON COLUMN bi.daily_service_levels.what IS 'first_reply, next_reply or resolution';
COMMENT ON COLUMN bi.daily_service_levels.within_seconds IS 'Within how many seconds it was promised';
COMMENT ON COLUMN bi.daily_service_levels.time IS 'business (only the inbox''s working hours count) or calendar';
COMMENT ON COLUMN bi.daily_service_levels.inbox_id IS 'Number of the inbox then; NULL: not known';
COMMENT ON COLUMN bi.daily_service_levels.inbox IS 'Name of that inbox';
COMMENT ON COLUMN bi.daily_service_levels.team_id IS 'Number of the team then; NULL: none, or not known';
COMMENT ON COLUMN bi.daily_service_levels.team IS 'Name of that team';
COMMENT ON COLUMN bi.daily_service_levels.total IS 'Replies or resolutions that were promised: the sum of the next five';
COMMENT ON COLUMN bi.daily_service_levels.met IS 'Those in time';
COMMENT ON COLUMN bi.daily_service_levels.breached IS 'Those that were late, or go on and were due';
COMMENT ON COLUMN bi.daily_service_levels.running IS 'Those that go on and were not due yet when the last complete run began';
COMMENT ON COLUMN bi.daily_service_levels.unanswered IS 'Those that were resolved without a reply before they were due';
COMMENT ON COLUMN bi.daily_service_levels.not_known IS 'Those of which it is not known, or not whether the target is for them';
