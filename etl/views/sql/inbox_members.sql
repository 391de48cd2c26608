CREATE VIEW bi.inbox_members AS
SELECT
    member.account_id,
    member.inbox_id,
    inbox.name AS inbox,
    member.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    member.valid_from AS member_from,
    member.valid_to AS member_until,
    member.valid_to IS NULL AS is_member
FROM helpdesk.inbox_members AS member
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = member.account_id AND inbox.id = member.inbox_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = member.account_id AND agent.id = member.agent_id;

COMMENT ON VIEW bi.inbox_members IS 'Who was in which inbox from when to when, as the runs saw it: one row a membership';
COMMENT ON COLUMN bi.inbox_members.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.inbox_members.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.inbox_members.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.inbox_members.agent_id IS 'Number of the agent';
COMMENT ON COLUMN bi.inbox_members.agent IS 'Name of the agent';
COMMENT ON COLUMN bi.inbox_members.member_from IS 'When a run first saw the membership (UTC): it may be older than the first run';
COMMENT ON COLUMN bi.inbox_members.member_until IS 'When a run first saw that it had ended (UTC); NULL: it has not';
COMMENT ON COLUMN bi.inbox_members.is_member IS 'Whether it is still so';
