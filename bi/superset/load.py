"""Loads the export beside this file into Superset, over what an earlier one brought; runs in Superset's environment.

`BI_DATABASE_URL` says where the views are, `BI_ADMIN_PASSWORD` is the password that `admin` gets, once.
"""

import os
from pathlib import Path

import yaml
from flask import g
from superset.app import create_app

EXPORT = Path(__file__).with_name("export")


def contents(database_url: str) -> dict[str, str]:
    """Read the export's files by their names in it, with this address in the place of its databases' placeholder."""
    texts = {str(file.relative_to(EXPORT)): file.read_text(encoding="utf-8") for file in EXPORT.rglob("*.yaml")}
    for name in [one for one in texts if one.startswith("databases/")]:
        texts[name] = yaml.safe_dump(yaml.safe_load(texts[name]) | {"sqlalchemy_uri": database_url})
    return texts


def main() -> None:
    """Make the administrator unless there is one, and import everything in one transaction."""
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
        ImportAssetsCommand(contents(os.environ["BI_DATABASE_URL"])).run()


if __name__ == "__main__":
    main()
