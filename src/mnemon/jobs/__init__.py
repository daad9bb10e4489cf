"""The queue: background work that is enqueued in the caller's transaction and done by workers (REQ-T139).

Tables: background_jobs, job_schedules. Its verbs are in :mod:`mnemon.jobs.service`; :mod:`mnemon.jobs.registry` says
which function does which kind of job, :mod:`mnemon.jobs.run` what that function is given, and
:mod:`mnemon.jobs.worker` runs them.

What a job does to the database happens exactly once: its effects and its end are one transaction, which holds only
while the job's lease is this attempt's. What it does elsewhere may happen more than once, and carries the job's key.
"""
