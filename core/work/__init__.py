"""Work that outlives a request: outbox and deliveries, timers, jobs, notices and to-dos."""
