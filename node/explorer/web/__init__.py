"""The explorer's HTTP server: one process, whose memory and time strangers cannot use up."""
