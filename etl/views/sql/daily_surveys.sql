CREATE VIEW bi.daily_surveys AS
SELECT
    day.account_id,
    day.day,
    sent.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    sent.surveys_asked,
    sent.surveys_answered
FROM bi.calendar AS day
CROSS JOIN LATERAL (
    SELECT survey.inbox_id, count(*) AS surveys_asked, count(*) FILTER (WHERE survey.is_answered) AS surveys_answered
    FROM helpdesk.surveys AS survey
    WHERE survey.account_id = day.account_id AND survey.asked_at >= day.starts_at AND survey.asked_at < day.ends_at
    GROUP BY survey.inbox_id
) AS sent
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = day.account_id AND inbox.id = sent.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id;

COMMENT ON VIEW bi.daily_surveys IS 'Satisfaction surveys and how many were answered: a row a day on which they were sent, and inbox';
COMMENT ON COLUMN bi.daily_surveys.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_surveys.day IS 'Day in the account''s time zone on which they were sent';
COMMENT ON COLUMN bi.daily_surveys.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.daily_surveys.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.daily_surveys.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.daily_surveys.surveys_asked IS 'Surveys that were sent, without failed ones';
COMMENT ON COLUMN bi.daily_surveys.surveys_answered IS 'Those of them that were answered so far, on whatever day';
