"""The embedded PostgreSQL: a server of our own that starts when somebody needs it and stops when nobody does.

Tables: none. Public verbs: :func:`acquire` (start or share, returns a :class:`Lease`), :func:`keep` and
:func:`unkeep` (stay without clients), :func:`stop`, :func:`status`, :func:`default_data_dir`, :func:`binaries`;
:func:`make_encrypted` and :func:`encrypt` for data that is encrypted on disk (:mod:`mnemon.db.embedded.vault`).

How it holds together, all of it below ``<data directory>/.mnemon`` (``<data directory>.encrypted/control`` for an
encrypted one):

- ``supervisor.lock`` is locked by the one supervisor process while it lives: it runs ``postgres`` as its child,
  restarts it after a crash, and stops it when no lease is left.
- ``lease`` is locked *shared* by every client. The supervisor may stop only while it holds it *exclusively*, so a
  client either gets its lease before the decision or waits until the old server is gone and starts a new one.
- ``cluster.lock`` is inherited by ``postgres`` and everything it forks: while any process of an earlier server
  lives, no second one is started on the directory, whatever a pid file says.
- ``start.lock`` lets one client at a time start a server.

All four are ``flock``s: the kernel releases them when a process dies, however it dies. Importing this package is
cheap and has no side effect; nothing but the standard library and :mod:`mnemon.core` is used.
"""

from __future__ import annotations

from mnemon.db.embedded.api import acquire, default_data_dir, keep, status, stop, unkeep
from mnemon.db.embedded.encrypt import Encrypted, encrypt, make_encrypted, plain_remains
from mnemon.db.embedded.keys import KeySource, new_key_file
from mnemon.db.embedded.model import ADMIN_ROLE, Endpoint, Lease, Status
from mnemon.db.embedded.programs import binaries

__all__ = [
    "ADMIN_ROLE",
    "Encrypted",
    "Endpoint",
    "KeySource",
    "Lease",
    "Status",
    "acquire",
    "binaries",
    "default_data_dir",
    "encrypt",
    "keep",
    "make_encrypted",
    "new_key_file",
    "plain_remains",
    "status",
    "stop",
    "unkeep",
]
