"""The steps of the pipeline, in both directions, and the file formats."""
