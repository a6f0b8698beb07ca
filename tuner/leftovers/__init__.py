"""What killed processes, ended jobs and deleted homes have left: found, shown and removed."""
