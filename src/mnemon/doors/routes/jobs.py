"""Routes of jobs: work in the background, and when it is due."""

from mnemon.doors.routes.table import Route

ROUTES = (
    Route("jobs.enqueue", "POST", "/jobs", 202),
    Route("jobs.list_jobs", "GET", "/jobs"),
    Route("jobs.get_job", "GET", "/jobs/{job_id}"),
    Route("jobs.cancel_job", "POST", "/jobs/{job_id}/cancel"),
    Route("jobs.retry_job", "POST", "/jobs/{job_id}/retry"),
    Route("jobs.set_schedule", "PUT", "/schedules"),
    Route("jobs.list_schedules", "GET", "/schedules"),
    Route("jobs.remove_schedule", "DELETE", "/schedules", 204),
)
