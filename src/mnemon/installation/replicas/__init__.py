"""Read replicas: made, listed, started, stopped, removed, promoted; which of them reads go to.

Tables: none. Of the embedded server: :func:`add`, :func:`list_replicas`, :func:`remove`, :func:`start`, :func:`stop`,
:func:`promote`; of a server of the user's own: :func:`add_own`, :func:`list_own`, :func:`remove_own`. For whoever opens
a database: :func:`addresses`, :func:`wake`, :func:`refuse_promoted`. The routing itself is in :mod:`mnemon.db.routing`.

The replicas of an embedded server are embedded servers themselves, with the same supervision, each in a directory and
with a private socket of its own; ``replicas.json`` in the primary's control directory says which there are.
"""

from mnemon.installation.replicas.addresses import addresses, refuse_promoted, wake
from mnemon.installation.replicas.model import Promoted, Record, ReplicaStatus
from mnemon.installation.replicas.own import add_own, list_own, remove_own
from mnemon.installation.replicas.promotion import promote
from mnemon.installation.replicas.running import start_all, stop_all
from mnemon.installation.replicas.service import add, list_replicas, remove, start, stop

__all__ = [
    "Promoted",
    "Record",
    "ReplicaStatus",
    "add",
    "add_own",
    "addresses",
    "list_own",
    "list_replicas",
    "promote",
    "refuse_promoted",
    "remove",
    "remove_own",
    "start",
    "start_all",
    "stop",
    "stop_all",
    "wake",
]
