"""The seal of the audit trail: a key that the database has not, and anchors that it cannot reach.

Blocks are made in the database (sql/objects/20_chain.sql) and signed here (seals, sealing); what is sealed is held
against the trail here too (verify), with SQL that names nothing the schema's owner could have replaced. The newest
block of each trail is written down outside (anchors).
"""

from mnemon.operations.trail.anchors import Anchor, Anchors
from mnemon.operations.trail.seals import Sealer
from mnemon.operations.trail.verify import Verdict, verify

__all__ = ["Anchor", "Anchors", "Sealer", "Verdict", "verify"]
