SELECT count(*) AS reopened FROM bi.resolutions WHERE opening > 1
