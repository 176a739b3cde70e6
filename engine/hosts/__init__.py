"""Integration with a host: joins its transactions and watches its sessions."""
