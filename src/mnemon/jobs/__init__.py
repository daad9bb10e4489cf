"""The queue: background work that is enqueued in the caller's transaction and done by workers.

Tables: background_jobs, job_schedules.
"""
