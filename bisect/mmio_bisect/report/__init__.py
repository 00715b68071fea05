"""Values as people and programs read them: text for terminals, documents for `--json`."""
