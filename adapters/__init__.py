"""The doors to other systems: each adapter turns one foreign tongue into commands, and none knows of another."""
