"""Loads the export beside this file into Superset, over what an earlier one brought; runs in Superset's environment.

`BI_DATABASE_URL` says where the views are, `BI_ADMIN_PASSWORD` is the password that `admin` gets, once, and
`ETL_LANGUAGE` in which language the dashboard speaks: en, he. Another one than before puts its texts over the others.
"""

import os
import sys

import assets
import yaml
from flask import g
from superset.app import create_app


def contents(database_url: str) -> dict[str, str]:
    """Return the export's files by their names in it, with this address in the place of its databases' placeholder."""
    files = assets.contents(assets.chosen_language())
    for name in [one for one in files if one.startswith("databases/")]:
        files[name] = yaml.safe_dump(yaml.safe_load(files[name]) | {"sqlalchemy_uri": database_url})
    return files


def main() -> None:
    """Make the administrator unless there is one, and import everything in one transaction."""
    try:
        files = contents(os.environ["BI_DATABASE_URL"])
    except assets.UnknownLanguage as error:
        sys.exit(str(error))
    with create_app().app_context():
        # Superset's modules can be imported once an application is there.
        from superset import security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand

        admin = security_manager.find_user("admin") or security_manager.add_user(
            "admin",
            "Admin",
            "Admin",
            "admin@localhost",
            security_manager.find_role("Admin"),
            os.environ["BI_ADMIN_PASSWORD"],
        )
        g.user = admin
        ImportAssetsCommand(files).run()


if __name__ == "__main__":
    main()
