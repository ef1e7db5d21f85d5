// The room Supervision.
