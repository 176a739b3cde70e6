"""At home in a host: its transactions joined, its sessions watched."""
