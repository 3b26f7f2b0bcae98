"""The programs gateway, worker and watch: each wired in its own file, run until SIGTERM or Ctrl-C."""
