"""Microsoft Project's numbers for link types, units and constraints, from Microsoft's schema of its XML (MSPDI)."""

from chainbell.engine.importers.constraints import Constraint

LINK_TYPES = ("FF", "FS", "SF", "SS")
"""PredecessorLink Type, by position from 0."""
ELAPSED_FORMATS = frozenset({4, 6, 8, 10, 12, 20, 36, 38, 40, 42, 44, 52})
"""DurationFormat and LagFormat: elapsed units, which count all time and not working time alone."""
PERCENT_FORMATS = frozenset({19, 20, 51, 52})
"""LagFormat: percent of the predecessor's duration; 20 and 52 are elapsed, 51 and 52 estimated."""
CONSTRAINTS = {
    1: Constraint("as late as possible", None),
    2: Constraint("must start on", "start"),
    3: Constraint("must finish on", "finish"),
    4: Constraint("start no earlier than", "start", is_whole=True),
    5: Constraint("start no later than", None),
    6: Constraint("finish no earlier than", "finish", is_whole=True),
    7: Constraint("finish no later than", None),
}
"""ConstraintType; 0, as soon as possible, constrains nothing."""
