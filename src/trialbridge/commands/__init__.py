"""The commands, one module each: they put the leaves together, which never import each other.

Leaves are imported inside the commands, so that ``--help`` is quick.
"""
