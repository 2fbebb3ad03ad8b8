"""CDISC's published open rules (CORE), read as data that the user brings, and run over whole columns."""
