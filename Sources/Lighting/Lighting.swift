// The room Lighting.
