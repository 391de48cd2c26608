CREATE VIEW bi.agents AS
SELECT
    agent.account_id,
    agent.id AS agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN agent.email END AS email,
    agent.role,
    agent.is_listed AS is_active,
    ARRAY(
        SELECT coalesce(team.name, 'Team ' || team.id) FROM helpdesk.team_members AS member
        JOIN helpdesk.teams AS team ON team.account_id = member.account_id AND team.id = member.team_id
        WHERE member.account_id = agent.account_id AND member.agent_id = agent.id AND member.valid_to IS NULL
        ORDER BY 1
    ) AS teams,
    ARRAY(
        SELECT coalesce(inbox.name, 'Inbox ' || inbox.id) FROM helpdesk.inbox_members AS member
        JOIN helpdesk.inboxes AS inbox ON inbox.account_id = member.account_id AND inbox.id = member.inbox_id
        WHERE member.account_id = agent.account_id AND member.agent_id = agent.id AND member.valid_to IS NULL
        ORDER BY 1
    ) AS inboxes
FROM helpdesk.agents AS agent;

COMMENT ON VIEW bi.agents IS 'One row an agent, present or past: who answers';
COMMENT ON COLUMN bi.agents.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.agents.agent_id IS 'Number of the agent';
COMMENT ON COLUMN bi.agents.agent IS 'Name of the agent';
COMMENT ON COLUMN bi.agents.email IS 'E-mail address; NULL for who may not see personal data';
COMMENT ON COLUMN bi.agents.role IS 'administrator, agent, or a custom role; NULL: not known, or not in the account any more';
COMMENT ON COLUMN bi.agents.is_active IS 'Whether the account''s list of agents has the agent, when last read; NULL: not read since first seen';
COMMENT ON COLUMN bi.agents.teams IS 'Teams of which the agent is a member, in alphabetical order, as the last run saw it';
COMMENT ON COLUMN bi.agents.inboxes IS 'Inboxes of which the agent is a member, likewise';
