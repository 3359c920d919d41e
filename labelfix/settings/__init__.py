"""Settings: frozen dataclasses that document and check themselves."""
