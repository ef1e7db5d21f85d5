// The room Normalization.
