CREATE VIEW helpdesk.channel_names AS
SELECT channel_type, channel
FROM (
    VALUES
        ('Channel::WebWidget', 'Website'),
        ('Channel::Email', 'E-mail'),
        ('Channel::Whatsapp', 'WhatsApp'),
        ('Channel::FacebookPage', 'Facebook'),
        ('Channel::Instagram', 'Instagram'),
        ('Channel::TwitterProfile', 'Twitter'),
        ('Channel::Telegram', 'Telegram'),
        ('Channel::Line', 'LINE'),
        ('Channel::Sms', 'SMS'),
        ('Channel::TwilioSms', 'Twilio (SMS or WhatsApp)'),
        ('Channel::Tiktok', 'TikTok'),
        ('Channel::Voice', 'Voice'),
        ('Channel::Api', 'API')
) AS names(channel_type, channel);

COMMENT ON VIEW helpdesk.channel_names IS 'How a report names the vendor''s channels';
COMMENT ON COLUMN helpdesk.channel_names.channel_type IS 'As the API names it';
COMMENT ON COLUMN helpdesk.channel_names.channel IS 'In words';
