CREATE VIEW bi.teams AS
SELECT
    team.account_id,
    team.id AS team_id,
    team.name AS team,
    team.description,
    team.allow_auto_assign AS assigns_by_itself,
    (
        SELECT count(*) FROM helpdesk.team_members AS member
        WHERE member.account_id = team.account_id AND member.team_id = team.id AND member.valid_to IS NULL
    ) AS members
FROM helpdesk.teams AS team;

COMMENT ON VIEW bi.teams IS 'One row a team, deleted ones included';
COMMENT ON COLUMN bi.teams.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.teams.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.teams.team IS 'Name of the team';
COMMENT ON COLUMN bi.teams.description IS 'Description';
COMMENT ON COLUMN bi.teams.assigns_by_itself IS 'Whether conversations are assigned to members by themselves';
COMMENT ON COLUMN bi.teams.members IS 'How many agents are members, as the last run saw it (who: bi.team_members)';
