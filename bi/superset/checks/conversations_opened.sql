SELECT count(*) AS opened FROM bi.conversations
