CREATE VIEW bi.team_members AS
SELECT
    member.account_id,
    member.team_id,
    team.name AS team,
    member.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    member.valid_from AS member_from,
    member.valid_to AS member_until,
    member.valid_to IS NULL AS is_member
FROM helpdesk.team_members AS member
LEFT JOIN helpdesk.teams AS team ON team.account_id = member.account_id AND team.id = member.team_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = member.account_id AND agent.id = member.agent_id;

COMMENT ON VIEW bi.team_members IS 'Who was in which team from when to when, as the runs saw it: one row a membership';
COMMENT ON COLUMN bi.team_members.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.team_members.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.team_members.team IS 'Name of the team';
COMMENT ON COLUMN bi.team_members.agent_id IS 'Number of the agent';
COMMENT ON COLUMN bi.team_members.agent IS 'Name of the agent';
COMMENT ON COLUMN bi.team_members.member_from IS 'When a run first saw the membership (UTC): it may be older than the first run';
COMMENT ON COLUMN bi.team_members.member_until IS 'When a run first saw that it had ended (UTC); NULL: it has not';
COMMENT ON COLUMN bi.team_members.is_member IS 'Whether it is still so';
