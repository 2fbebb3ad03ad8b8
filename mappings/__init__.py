"""One SDTM domain, one file; each reads like the specification."""
