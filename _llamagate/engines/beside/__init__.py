"""Programs for the Python that has transformers. The gateway starts them and never imports them:
they stand alone, and import what only that Python has."""
