"""Rules of conformance as data, and the engine that runs them over whole columns."""
