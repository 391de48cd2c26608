#!/bin/sh
# Starts Superset with the dashboard in it: in the container, and for `make dashboard`. It asks for these variables:
#   SUPERSET_HOME        folder of Superset's own database (users, dashboards), kept between starts
#   SUPERSET_SECRET_KEY  encrypts the passwords in there: the same at every start
#   BI_DATABASE_URL      where the views are: postgresql://user:password@host:5432/database
#   BI_ADMIN_PASSWORD    the password of admin, set at the first start
#   BI_ADDRESS           where to listen
# and may be told:
#   ETL_LANGUAGE         the language of the dashboard's texts: en (default), he
set -eu
: "${SUPERSET_HOME:?is not set}" "${BI_ADDRESS:?is not set}"
: "${SUPERSET_SECRET_KEY:?is not set, see docs/bi.md}"
: "${BI_DATABASE_URL:?is not set, see docs/bi.md}"
: "${BI_ADMIN_PASSWORD:?is not set, see docs/bi.md}"
here=$(dirname "$0")
export SUPERSET_CONFIG_PATH="$here/superset_config.py"
superset db upgrade
superset init
python "$here/load.py"
exec gunicorn --bind "$BI_ADDRESS" --workers 1 --threads 8 --timeout 120 "superset.app:create_app()"
