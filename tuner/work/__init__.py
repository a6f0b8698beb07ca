"""Working a home until a job has ended: the loop, the interruptions, the log that is shown meanwhile."""
