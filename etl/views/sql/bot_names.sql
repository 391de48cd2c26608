-- How a report names what is neither contact nor user. A sender of another type than these may be a person.
CREATE VIEW helpdesk.bot_names AS
SELECT
    account_id,
    type,
    id,
    CASE
        WHEN type IN ('agent_bot', 'captain_assistant') OR (SELECT allowed FROM helpdesk.personal_data_access) THEN name
    END AS name
FROM helpdesk.bots;

COMMENT ON VIEW helpdesk.bot_names IS 'Bots by their names';
COMMENT ON COLUMN helpdesk.bot_names.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.bot_names.type IS 'agent_bot, captain_assistant, or a newer type';
COMMENT ON COLUMN helpdesk.bot_names.id IS 'Number of the bot within its type';
COMMENT ON COLUMN helpdesk.bot_names.name IS 'Name; of a newer type NULL for who may not see personal data';
