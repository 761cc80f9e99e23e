"""The darkroom command: one module per group of commands, which parse, call and print."""
