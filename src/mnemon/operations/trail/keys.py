"""Where the installation's key is, for what looks at the trail without being the application."""

from __future__ import annotations

from mnemon.core.installation import InstallationKey, read
from mnemon.core.settings import Settings
from mnemon.db import embedded


def installation_of(settings: Settings) -> InstallationKey | None:
    """Return the key that the settings name, else the embedded server's own; None where there is none.

    Raises:
        Invalid: its file cannot be used.
    """
    installation = InstallationKey.of(settings)
    if installation is not None or settings.database_url is not None:
        return installation
    directory = (settings.data_dir or embedded.default_data_dir()).expanduser().resolve()
    path = directory.with_name(directory.name + ".key")
    return read(path) if path.exists() else None
