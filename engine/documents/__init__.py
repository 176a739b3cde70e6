"""The documents that come in and go out, checked field by field: camelCase on the wire, values inside."""
