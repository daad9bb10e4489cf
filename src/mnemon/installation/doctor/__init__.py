"""The doctor's looks at what runs: one file a subject, each of them a list of findings and nothing changed.

Public verbs: :func:`examine`; and for a door :func:`.policies.role` of what it knows of its own role,
:func:`.encryption.on_disk` and :func:`.disk.free` of what only its machine can tell.
"""

from mnemon.installation.doctor import disk, encryption, policies, slow
from mnemon.installation.doctor.examine import SUBJECTS, examine
from mnemon.installation.doctor.model import Finding, Level

__all__ = ["SUBJECTS", "Finding", "Level", "disk", "encryption", "examine", "policies", "slow"]
