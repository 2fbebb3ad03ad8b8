"""Define-XML 2.1: model, build, read, write, check, html."""
