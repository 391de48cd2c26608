SELECT count(*) AS conversations FROM bi.reply_times WHERE is_waiting AND NOT is_deleted
