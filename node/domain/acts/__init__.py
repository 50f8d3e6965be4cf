"""The bytes of each kind of act, one module a kind; the layouts are those of the interfaces of their contracts."""
