-- Of the whole, which is asked for each night up to another moment, the last time that it was; of days, the last time each.
CREATE VIEW bi.reconciliation AS
SELECT
    counted.account_id,
    CASE WHEN counted.grain = 'day' THEN (counted.since AT TIME ZONE account.time_zone)::date END AS day,
    counted.metric,
    counted.since AS starts_at,
    counted.until AS ends_at,
    counted.vendor,
    counted.ours,
    counted.vendor - counted.ours AS difference,
    counted.explained_by,
    settled.asked_at AS settled_at,
    counted.asked_at,
    counted.run_id
FROM (
    SELECT DISTINCT ON (account_id, metric, grain, CASE WHEN grain = 'day' THEN since END)
        account_id, metric, grain, since, until, vendor, ours, explained_by, asked_at, run_id
    FROM helpdesk.vendor_counts
    ORDER BY account_id, metric, grain, CASE WHEN grain = 'day' THEN since END, run_id DESC
) AS counted
JOIN helpdesk.accounts AS account ON account.account_id = counted.account_id
LEFT JOIN LATERAL (
    SELECT later.asked_at FROM helpdesk.vendor_counts AS later
    WHERE later.account_id = counted.account_id AND later.metric = counted.metric AND later.grain = 'all'
      AND later.run_id >= counted.run_id AND later.vendor = later.ours
      AND NOT EXISTS (
          SELECT FROM helpdesk.vendor_counts AS other
          WHERE other.account_id = later.account_id AND other.run_id = later.run_id AND other.metric = later.metric
            AND other.grain = 'day' AND other.vendor <> other.ours
      )
      AND (counted.vendor = counted.ours OR later.run_id > counted.run_id)
    ORDER BY later.run_id LIMIT 1
) AS settled ON true;

COMMENT ON VIEW bi.reconciliation IS 'The vendor''s own counts beside those of the tables: a row a metric in all, and for each day that ever differed';
COMMENT ON COLUMN bi.reconciliation.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.reconciliation.day IS 'Day in the account''s time zone in which the range begins; NULL: everything is counted';
COMMENT ON COLUMN bi.reconciliation.metric IS 'conversations, incoming_messages, outgoing_messages (private notes included), surveys_sent, rating_1 to rating_5';
COMMENT ON COLUMN bi.reconciliation.starts_at IS 'From when rows count (UTC), as the vendor has its days, which need not be those of the account''s time zone';
COMMENT ON COLUMN bi.reconciliation.ends_at IS 'Until when rows count, this moment not included (UTC)';
COMMENT ON COLUMN bi.reconciliation.vendor IS 'What the vendor counts';
COMMENT ON COLUMN bi.reconciliation.ours IS 'What the tables count by the same rule, after what differed was read again';
COMMENT ON COLUMN bi.reconciliation.difference IS 'How many more the vendor counts; negative: how many fewer';
COMMENT ON COLUMN bi.reconciliation.explained_by IS 'Why they differ, where that is known and no fault of the tables; NULL: they agree, or it is not known';
COMMENT ON COLUMN bi.reconciliation.settled_at IS 'When the metric first agreed since this count, in all and on each day that was asked for (UTC); NULL: it has not yet';
COMMENT ON COLUMN bi.reconciliation.asked_at IS 'When the vendor was asked last (UTC)';
COMMENT ON COLUMN bi.reconciliation.run_id IS 'The run that asked';
