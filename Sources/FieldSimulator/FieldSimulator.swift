// The room FieldSimulator.
