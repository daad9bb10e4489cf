"""One organisation out of one installation and into another: an export in files with hashes, and its import.

Verbs: export_organization (as the application, under row-level security), verify_export, import_organization (as the
owner of the schema, still under row-level security), embed_waiting (vectors for rows that came without).
What goes with it and what stays is in rules.py.
"""

from mnemon.installation.export.embed import embed_waiting
from mnemon.installation.export.load import import_organization, verify_export
from mnemon.installation.export.save import export_organization
from mnemon.installation.export.schemas import ExportOrganization, Imported, ImportOrganization, Manifest

__all__ = [
    "ExportOrganization",
    "ImportOrganization",
    "Imported",
    "Manifest",
    "embed_waiting",
    "export_organization",
    "import_organization",
    "verify_export",
]
