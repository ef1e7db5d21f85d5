// The room Outbox.
