SELECT count(resolved_at) AS resolved FROM bi.resolutions
