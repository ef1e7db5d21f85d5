// The room Uplinks.
