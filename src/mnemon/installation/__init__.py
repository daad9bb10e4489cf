"""What belongs to the installation and to no organisation: backups, replicas, the pooler, the doctor, exports.

Rooms: backup, replicas, pgbouncer, doctor, export. It has no tables of its own. Who calls it holds a connection of the
schema's owner or the files themselves, and not an organisation's; export alone reads as an organisation, all of it.
"""
