"""An independent oracle: what a project's reports ought to give, counted in a second way from the design alone.

It shares no code with chainbell and imports nothing from it; the forecast is found by walking every path of links,
not by a sweep. `test_oracle.py` runs random histories through both and compares.
"""
